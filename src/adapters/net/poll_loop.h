// SPDX-License-Identifier: Apache-2.0
//
// PollLoop: the thread of an adapter that talks to a server. It waits for its
// clients' descriptors and times, and calls them.
//
//   Next() of each client --> ppoll --> Ready() of those that it is about
//      ^                                   |
//      +-----------------------------------+   Wake(): ask all anew
//
// Thread safety: thread-safe.

#ifndef TRIVET_SRC_ADAPTERS_NET_POLL_LOOP_H_
#define TRIVET_SRC_ADAPTERS_NET_POLL_LOOP_H_

#include <pthread.h>

#include <atomic>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "trivet/config.h"
#include "trivet/host/monotonic_time.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class PollLoop {
 public:
  struct Wait {
    int fd = -1;       // -1: for no descriptor.
    short events = 0;  // POLLIN, POLLOUT. NOLINT(google-runtime-int)
    MonotonicTime until = MonotonicTime::InfiniteFuture();
  };

  // Called on the loop's thread, with no lock of the loop's held.
  class Client {
   public:
    virtual Wait Next() = 0;

    // What has happened to the descriptor; 0: the time has come.
    virtual void Ready(int events) = 0;

   protected:
    ~Client() = default;
  };

  // kResourceExhausted: no descriptor or no thread. The clients must outlive
  // the loop.
  static absl::StatusOr<std::unique_ptr<PollLoop>> Start(
      std::vector<Client*> clients);

  // Calls nobody any more. REQUIRES: not on the loop's thread.
  ~PollLoop();
  PollLoop(const PollLoop&) = delete;
  PollLoop& operator=(const PollLoop&) = delete;

  // Next() of some client would answer otherwise now.
  void Wake();

  bool OnOwnThread() const { return pthread_equal(thread_, pthread_self()); }

  // Counts also while the machine is suspended.
  static MonotonicTime Now();

 private:
  explicit PollLoop(std::vector<Client*> clients);
  absl::Status Start();
  void Run();

  const std::vector<Client*> clients_;
  int wake_ = -1;  // An eventfd.
  pthread_t thread_{};
  bool runs_ = false;
  std::atomic<bool> stopping_{false};
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_ADAPTERS_NET_POLL_LOOP_H_
