// SPDX-License-Identifier: Apache-2.0
//
// FileDisk: the real file log on a simulated disk, in virtual time.
//
//   Coordinator, Participant --> Port --> LogFiles --> Calls --> MemoryDisk
//                                 |        the real     |         page cache,
//                                 |        file log     |         sectors,
//                            one writer,                |         names
//                            time for syncs        faults, crash
//                                                  points
//
// A Port does what FileLogStore does with its thread, in events of its process.
// The disk outlives the processes. What a loss of power leaves of it, the
// host's faults say: a prefix of what was written and renamed since the last
// sync, and of that not every sector and every name.

#ifndef TRIVET_TESTS_SIM_FILE_DISK_H_
#define TRIVET_TESTS_SIM_FILE_DISK_H_

#include <functional>
#include <memory>
#include <string>

#include "tests/adapters/file/memory_disk.h"
#include "trivet/host/log_store.h"
#include "trivet/testing/sim_host.h"

namespace trivet {
namespace sim {

class FileDisk {
 public:
  // Of the log `name`. `may_rot` is asked before a bit flips: a log that says
  // so afterwards is lost, and its host with it.
  FileDisk(testing::SimHost* host, std::string name,
           std::function<bool()> may_rot);
  ~FileDisk();

  // The log for the process that starts now, until the next one does.
  LogStore* NewPort();

  // The process has ended.
  void Stop(bool power_loss);

  // Whether it has flipped a bit.
  bool has_rotted() const { return has_rotted_; }

 private:
  class Calls;
  class Port;

  void LosePower();
  MemoryDisk::State::Directory Survivors(
      const MemoryDisk::State::Directory& directory);
  MemoryDisk::State::File Survivors(const MemoryDisk::State::File& file);
  void Rot();
  uint64_t UpTo(uint64_t most, std::string_view what);

  testing::SimHost* const host_;
  const std::string name_;
  const std::function<bool()> may_rot_;
  MemoryDisk disk_;
  bool exists_ = false;  // The log was created, durably.
  bool has_rotted_ = false;
  bool may_be_damaged_ = false;  // No claim has read all since a bit flipped.
  std::unique_ptr<Port> port_;
};

}  // namespace sim
}  // namespace trivet

#endif  // TRIVET_TESTS_SIM_FILE_DISK_H_
