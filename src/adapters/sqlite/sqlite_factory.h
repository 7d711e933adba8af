// SPDX-License-Identifier: Apache-2.0
//
// SqliteFactory: opens a SqliteLockBackend with a clock of the tests' own.

#ifndef TRIVET_SRC_ADAPTERS_SQLITE_SQLITE_FACTORY_H_
#define TRIVET_SRC_ADAPTERS_SQLITE_SQLITE_FACTORY_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "src/adapters/sqlite/machine_clock.h"
#include "trivet/adapters/sqlite/sqlite_lock_backend.h"
#include "trivet/adapters/sqlite/sqlite_options.h"
#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class TRIVET_EXPORT SqliteFactory {
 public:
  static absl::StatusOr<std::unique_ptr<SqliteLockBackend>> Open(
      const std::string& path, const SqliteOptions& options,
      std::unique_ptr<MachineClock> clock);
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_ADAPTERS_SQLITE_SQLITE_FACTORY_H_
