// SPDX-License-Identifier: Apache-2.0
//
// What the shop says, a line at a time, each flushed, with the seconds since it
// began.
//
// Thread safety: thread-safe.

#ifndef SHOP_CONSOLE_H_
#define SHOP_CONSOLE_H_

#include <cstdio>
#include <string>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "trivet/host/executor.h"

namespace shop {

class Console {
 public:
  explicit Console(const trivet::Executor* clock)
      : clock_(clock), began_(clock->Now()) {}

  absl::Duration Elapsed() const { return clock_->Now() - began_; }

  // An event, with the time. Then lines that belong to it, indented.
  void Say(const std::string& line) { Put(true, line); }
  void More(const std::string& line) { Put(false, line); }

 private:
  void Put(bool with_time, const std::string& line) {
    absl::MutexLock lock(&mu_);
    if (with_time)
      std::printf("%6.2fs  %s\n", absl::ToDoubleSeconds(Elapsed()),
                  line.c_str());
    else
      std::printf("         %s\n", line.c_str());
    std::fflush(stdout);
  }

  const trivet::Executor* const clock_;
  const trivet::MonotonicTime began_;
  absl::Mutex mu_;
};

}  // namespace shop

#endif  // SHOP_CONSOLE_H_
