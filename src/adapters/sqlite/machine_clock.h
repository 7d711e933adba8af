// SPDX-License-Identifier: Apache-2.0
//
// MachineClock: a clock that all processes of a machine share, and what tells
// it from all others.
//
// Thread safety: thread-safe.

#ifndef TRIVET_SRC_ADAPTERS_SQLITE_MACHINE_CLOCK_H_
#define TRIVET_SRC_ADAPTERS_SQLITE_MACHINE_CLOCK_H_

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class TRIVET_EXPORT MachineClock {
 public:
  virtual ~MachineClock() = default;

  // Times with the same name may be compared, whoever read them.
  virtual std::string name() const = 0;

  // Since this clock began; also counts while the machine is suspended.
  virtual absl::Duration Now() const = 0;

  // The machine's: since it was started, as this process's time namespace has
  // it. Where that cannot be found out the name is one that nobody else has.
  static std::unique_ptr<MachineClock> New();
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_ADAPTERS_SQLITE_MACHINE_CLOCK_H_
