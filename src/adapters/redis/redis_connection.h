// SPDX-License-Identifier: Apache-2.0
//
// RedisConnection: a connection to Redis that is made anew whenever it is lost.
//
//            Dial, Adopt            connected             greeted
//   kDown ----------------> kDialing --------> kGreeting --------> kUp
//     ^                        |                   |                |
//     +----- after a pause ----+-------------------+----------------+
//
// The greeting says who we are (AUTH, SELECT) and asks which run of the server
// this is. What is lost with a connection is not sent again.
//
// Whoever owns it moves it on: it calls nobody. Thread-compatible.

#ifndef TRIVET_SRC_ADAPTERS_REDIS_REDIS_CONNECTION_H_
#define TRIVET_SRC_ADAPTERS_REDIS_REDIS_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/adapters/net/poll_loop.h"
#include "src/adapters/net/socket.h"
#include "src/adapters/redis/redis_reply.h"
#include "trivet/adapters/redis/redis_options.h"
#include "trivet/config.h"
#include "trivet/host/monotonic_time.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class RedisConnection {
 public:
  explicit RedisConnection(const RedisOptions& options);

  // Whether it is time to dial. Looking up a name blocks, so that is done
  // without whatever guards the connection.
  bool WantsToDial(MonotonicTime now) const {
    return state_ == State::kDown && now >= dial_at_;
  }
  static absl::StatusOr<Socket> Dial(const RedisOptions& options);
  void Adopt(absl::StatusOr<Socket> socket, MonotonicTime now);

  // Whether what is sent now has a chance to arrive; otherwise why not.
  const absl::Status& status() const { return status_; }
  bool is_up() const { return state_ == State::kUp; }

  // Of the server, while it is up: another after each of its starts.
  const std::string& run_id() const { return run_id_; }

  // Puts a command after those before it, of which `asked` have no answer yet.
  // REQUIRES: is_up().
  void Send(std::string_view command, size_t asked, MonotonicTime now);

  // Writes what the system takes. False: the connection is lost, which Advance
  // tells.
  bool Flush();

  // What to wait for, while `asked` answers are outstanding.
  PollLoop::Wait Next(size_t asked) const;

  struct Progress {
    std::vector<RedisReply> replies;  // To what was sent, in order.
    bool came_up = false;
    bool lost = false;  // With all that was not answered; status() says why.
  };
  Progress Advance(int events, size_t asked, MonotonicTime now);

 private:
  enum class State { kDown, kDialing, kGreeting, kUp };

  absl::Status Greet();
  absl::Status Hear(const redisReply& reply);
  absl::Status Receive(MonotonicTime now, Progress* progress);
  absl::Status WriteOut();
  void Lose(const absl::Status& why, MonotonicTime now);

  const RedisOptions& options_;
  const uint64_t jitter_seed_;
  State state_ = State::kDown;
  absl::Status status_;
  MonotonicTime dial_at_ = MonotonicTime::InfinitePast();
  uint32_t attempts_ = 0;  // Since it was up last.

  Socket socket_;
  RedisReader reader_;
  std::string greeting_;      // What is left to write of it.
  size_t greetings_due_ = 0;  // Answers to it.
  std::string output_;        // From `written_` on.
  size_t written_ = 0;
  absl::Status write_failed_;
  std::string run_id_;
  MonotonicTime heard_at_;  // Or had no reason to hear.
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_ADAPTERS_REDIS_REDIS_CONNECTION_H_
