// SPDX-License-Identifier: Apache-2.0
//
// CrashExplorer: runs the file log on a MemoryDisk, takes a picture of the disk
// before every call that changes it, and then crashes at each picture in many
// ways. From what is left the log must open, hold at least all that had been
// acknowledged by then, and keep what it then shows.
//
// Thread safety: thread-compatible.

#ifndef TRIVET_TESTS_ADAPTERS_FILE_CRASH_EXPLORER_H_
#define TRIVET_TESTS_ADAPTERS_FILE_CRASH_EXPLORER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/adapters/file/memory_disk.h"
#include "tests/support/real_time.h"
#include "trivet/adapters/file/file_log_store.h"
#include "trivet/host/log_store.h"

namespace trivet {

class CrashExplorer {
 public:
  // Runs the workload: three lives of one log, each with a claim, appends of
  // many sizes, rolled segments and a trim.
  CrashExplorer();

  // Each explores and returns the first thing that was wrong, or nothing.
  // A power loss at every moment, with the choices of `seeds` seeds:
  std::string PowerLosses(uint64_t seeds);
  // The process dies at every moment; the page cache stays:
  std::string ProcessCrashes();
  // A power loss at each step of the recovery from a power loss:
  std::string CrashesDuringRecovery();

  size_t moments() const { return moments_.size(); }
  uint64_t states() const { return states_; }  // Explored so far.

 private:
  // The disk at one moment, and what the world had been told by then.
  struct Moment {
    MemoryDisk::State state;
    bool created = false;
    Epoch epoch = 0;
    size_t acknowledged = 0;  // Records up to the last forced success.
    LogIndex trimmed = 1;     // Records before it were given up.
  };

  void Live(FileLogStore* log, int life);
  std::string Check(const Moment& moment, MemoryDisk* disk);

  MemoryDisk disk_;
  // The log's writer makes moments of what the caller's thread knows meanwhile.
  SharedState known_;
  Moment now_;
  std::vector<Moment> moments_;
  std::vector<std::string> issued_;
  std::string broken_;  // What went wrong in the workload itself.
  uint64_t states_ = 0;
};

}  // namespace trivet

#endif  // TRIVET_TESTS_ADAPTERS_FILE_CRASH_EXPLORER_H_
