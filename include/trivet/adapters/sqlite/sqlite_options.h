// SPDX-License-Identifier: Apache-2.0
//
// SqliteOptions: how a database file is shared with other processes.

#ifndef TRIVET_ADAPTERS_SQLITE_SQLITE_OPTIONS_H_
#define TRIVET_ADAPTERS_SQLITE_SQLITE_OPTIONS_H_

#include "absl/time/time.h"

namespace trivet {
inline namespace v0_1 {

struct SqliteOptions {
  // How long to wait for another process that writes, before an operation fails
  // with kUnavailable. In 1 ms..1 min. Leases should last several times as
  // long.
  absl::Duration busy_timeout = absl::Seconds(1);
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_ADAPTERS_SQLITE_SQLITE_OPTIONS_H_
