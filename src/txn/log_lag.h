// SPDX-License-Identifier: Apache-2.0
//
// LogLag: how far a role's oldest live record may fall behind the end of its
// log before all live ones are written again (see live_records.h).
//
// It is no option of a host. But a short history, as the simulator has them,
// writes its logs anew only if that happens much sooner than a host would want.

#ifndef TRIVET_SRC_TXN_LOG_LAG_H_
#define TRIVET_SRC_TXN_LOG_LAG_H_

#include <cstdint>

#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

struct LogLag {
  static constexpr uint64_t kFactor = 4;  // Of as many as are live, at least.

  uint64_t min = 1024;
  uint64_t min_riding = 64;  // With what is forced anyway, at no sync's cost.

  // For a machine that is built now, by this thread.
  TRIVET_EXPORT static LogLag Current();
};

// While one exists, machines that its thread builds have this lag; of several,
// the newest's. For tests alone.
class TRIVET_EXPORT ShortLogLag {
 public:
  explicit ShortLogLag(LogLag lag);
  ~ShortLogLag();
  ShortLogLag(const ShortLogLag&) = delete;
  ShortLogLag& operator=(const ShortLogLag&) = delete;

 private:
  const LogLag before_;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TXN_LOG_LAG_H_
