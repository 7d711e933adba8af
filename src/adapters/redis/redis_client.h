// SPDX-License-Identifier: Apache-2.0
//
// RedisClient: has scripts run from any thread, over one connection, and does
// not wait for the answer to one before it asks for the next.
//
//   any thread --Run--> RedisConnection --> Redis
//                           |  first in, first out: who waits for an answer
//   loop's thread <--done-- answers, in the order of the questions
//
// What is asked while there is no connection, and no hope of one right now,
// fails at once; what was asked when a connection is lost fails with it, its
// outcome unknown. Nothing that may have happened is asked for twice.
//
// Thread safety: thread-safe.

#ifndef TRIVET_SRC_ADAPTERS_REDIS_REDIS_CLIENT_H_
#define TRIVET_SRC_ADAPTERS_REDIS_REDIS_CLIENT_H_

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "src/adapters/net/poll_loop.h"
#include "src/adapters/redis/redis_connection.h"
#include "src/adapters/redis/redis_reply.h"
#include "src/adapters/redis/redis_scripts.h"
#include "trivet/adapters/redis/redis_options.h"
#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class RedisClient final : private PollLoop::Client {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<RedisReply>) &&>;

  // REQUIRES: sound options.
  static absl::StatusOr<std::unique_ptr<RedisClient>> Start(
      const RedisOptions& options);

  // Answers all that wait with kUnavailable. REQUIRES: not inside `done`.
  ~RedisClient();

  // Runs `script`, with the run of the server as its last argument. `done` is
  // called once, on the loop's thread or inside the call, with no lock held: an
  // error of the server is a Status, as is a question that was not answered.
  void Run(const RedisScript& script, std::vector<std::string> keys,
           std::vector<std::string> arguments, Done done);

 private:
  struct Question {
    const RedisScript* script;
    std::vector<std::string> words;  // That follow it.
    Done done;
    bool in_full = false;  // The script's text, not its name.
  };
  struct Told {
    Done done;
    absl::StatusOr<RedisReply> reply;
  };

  explicit RedisClient(const RedisOptions& options);
  PollLoop::Wait Next() override;
  void Ready(int events) override;
  std::vector<Told> Advance(int events) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Send(Question question, std::vector<Told>* told)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void FailAll(const absl::Status& why, std::vector<Told>* told)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const RedisOptions options_;
  absl::Mutex mu_;
  RedisConnection connection_ ABSL_GUARDED_BY(mu_);
  std::deque<Question> sent_ ABSL_GUARDED_BY(mu_);
  std::vector<Question> early_ ABSL_GUARDED_BY(mu_);  // Until it is up.
  std::unique_ptr<PollLoop> loop_;                    // Ends first.
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_ADAPTERS_REDIS_REDIS_CLIENT_H_
