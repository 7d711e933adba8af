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

std::string WordsOf(const char* path) {
  std::ifstream file(path);
  std::string words;
  for (std::string word; file >> word;) {
    words += words.empty() ? word : " " + word;
  }
  return words;
}

// The inode alone does not do: it is given to another namespace when this one
// is gone. Empty: unknown.
std::string NameOfTimeNamespace() {
  struct stat own {};
  if (stat("/proc/self/ns/time", &own) != 0) {
    return errno == ENOENT ? "0" : "";  // A kernel that has none.
  }
  // The offsets that it shows are those of the children to come.
  struct stat next {};
  if (stat("/proc/self/ns/time_for_children", &next) != 0 ||
      own.st_ino != next.st_ino) {
    return "";
  }
  const std::string offsets = WordsOf("/proc/self/timens_offsets");
  if (offsets.empty()) return "";
  return std::to_string(own.st_ino) + " " + offsets;
}

// A machine started anew has another boot id; a process in another time
// namespace may read another time.
std::string NameOfBootClock() {
  const std::string boot = WordsOf("/proc/sys/kernel/random/boot_id");
  const std::string space = NameOfTimeNamespace();
  return boot.empty() || space.empty() ? UniqueId() : boot + "/" + space;
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
