// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "trivet/adapters/memory/memory_lock_backend.h"

namespace {

// Where time stands still and nothing ever runs.
class Stopped : public trivet::Executor {
 public:
  trivet::MonotonicTime Now() const override { return {}; }
  void Post(Task) override {}
  void PostAt(trivet::MonotonicTime, Task) override {}
  bool MayBlock() const override { return false; }
};

}  // namespace

int main() {
  Stopped executor;
  trivet::MemoryLockBackend backend(&executor);
  bool granted = false;
  backend.Acquire({"jobs", "lease-1", "worker-7"}, absl::Seconds(1),
                  trivet::MonotonicTime::InfiniteFuture(),
                  [&](absl::StatusOr<std::optional<trivet::LeaseGrant>> grant) {
                    granted = grant.ok() && grant->has_value();
                  });
  return granted ? 0 : 1;
}
