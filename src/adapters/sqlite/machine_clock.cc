// SPDX-License-Identifier: Apache-2.0

#include "src/adapters/sqlite/machine_clock.h"

#include <sys/stat.h>

#include <cerrno>
#include <ctime>
#include <fstream>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "src/internal/random.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

// A machine started anew has another boot id; a process in another time
// namespace reads another time. Its inode is that of a kernel without such
// namespaces: 0.
std::string NameOfBootClock() {
  std::string boot;
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::getline(file, boot);
  struct stat space {};
  const bool is_known = stat("/proc/self/ns/time", &space) == 0;
  if (boot.empty() || (!is_known && errno != ENOENT)) return UniqueId();
  return boot + "/" + std::to_string(is_known ? space.st_ino : 0);
}

class BootClock final : public MachineClock {
 public:
  std::string name() const override { return name_; }
  absl::Duration Now() const override {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return absl::DurationFromTimespec(now);
  }

 private:
  const std::string name_ = NameOfBootClock();
};

}  // namespace

std::unique_ptr<MachineClock> MachineClock::New() {
  return std::make_unique<BootClock>();
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
