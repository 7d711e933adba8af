// SPDX-License-Identifier: Apache-2.0

#include "src/adapters/redis/redis_client.h"

#include <sys/poll.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "src/adapters/net/poll_loop.h"
#include "src/adapters/net/socket.h"
#include "src/adapters/redis/redis_connection.h"
#include "src/adapters/redis/redis_reply.h"
#include "src/adapters/redis/redis_scripts.h"
#include "trivet/adapters/redis/redis_options.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

namespace {

template <typename Told>
void Tell(std::vector<Told> told) {
  for (Told& one : told) std::move(one.done)(std::move(one.reply));
}

}  // namespace

RedisClient::RedisClient(const RedisOptions& options)
    : options_(options), connection_(options_) {}

absl::StatusOr<std::unique_ptr<RedisClient>> RedisClient::Start(
    const RedisOptions& options) {
  std::unique_ptr<RedisClient> client(new RedisClient(options));
  auto loop = PollLoop::Start({client.get()});
  if (!loop.ok()) return loop.status();
  client->loop_ = *std::move(loop);
  return client;
}

RedisClient::~RedisClient() {
  loop_.reset();
  std::vector<Told> told;
  {
    const absl::MutexLock lock(&mu_);
    FailAll(absl::UnavailableError("the backend is being destroyed"), &told);
  }
  Tell(std::move(told));
}

void RedisClient::Run(const RedisScript& script, std::vector<std::string> keys,
                      std::vector<std::string> arguments, Done done) {
  Question question{&script, {absl::StrCat(keys.size())}, std::move(done)};
  for (auto* const words : {&keys, &arguments}) {
    std::move(words->begin(), words->end(), std::back_inserter(question.words));
  }
  std::vector<Told> told;
  bool wake = false;
  {
    const absl::MutexLock lock(&mu_);
    if (!connection_.status().ok()) {
      told.push_back({std::move(question.done), connection_.status()});
    } else if (!connection_.is_up()) {
      early_.push_back(std::move(question));
    } else {
      Send(std::move(question), &told);
      connection_.Flush();
      // The loop waits for answers anyway.
      wake = connection_.Next(sent_.size()).events != POLLIN;
    }
  }
  if (wake) loop_->Wake();
  Tell(std::move(told));
}

void RedisClient::Send(Question question, std::vector<Told>* told) {
  const RedisScript& script = *question.script;
  std::vector<std::string_view> words = {
      question.in_full ? "EVAL" : "EVALSHA",
      question.in_full ? script.text : script.sha1};
  words.insert(words.end(), question.words.begin(), question.words.end());
  words.push_back(connection_.run_id());
  absl::StatusOr<std::string> command = RedisCommand(words);
  if (!command.ok()) {
    return told->push_back({std::move(question.done), command.status()});
  }
  connection_.Send(*command, sent_.size(), PollLoop::Now());
  sent_.push_back(std::move(question));
}

void RedisClient::FailAll(const absl::Status& why, std::vector<Told>* told) {
  for (Question& question : sent_) {
    told->push_back({std::move(question.done), why});
  }
  for (Question& question : early_) {
    told->push_back({std::move(question.done), why});
  }
  sent_.clear();
  early_.clear();
}

PollLoop::Wait RedisClient::Next() {
  const absl::MutexLock lock(&mu_);
  return connection_.Next(sent_.size());
}

void RedisClient::Ready(int events) {
  bool dial;
  {
    const absl::MutexLock lock(&mu_);
    dial = connection_.WantsToDial(PollLoop::Now());
  }
  absl::StatusOr<Socket> socket = Socket();
  if (dial) socket = RedisConnection::Dial(options_);
  std::vector<Told> told;
  {
    const absl::MutexLock lock(&mu_);
    if (dial) {
      connection_.Adopt(std::move(socket), PollLoop::Now());
      if (!connection_.status().ok()) FailAll(connection_.status(), &told);
    } else {
      told = Advance(events);
    }
  }
  Tell(std::move(told));
}

std::vector<RedisClient::Told> RedisClient::Advance(int events) {
  std::vector<Told> told;
  RedisConnection::Progress progress =
      connection_.Advance(events, sent_.size(), PollLoop::Now());
  for (RedisReply& reply : progress.replies) {
    Question question = std::move(sent_.front());
    sent_.pop_front();
    if (IsError(*reply, "NOSCRIPT") && !question.in_full && !progress.lost) {
      question.in_full = true;  // Nothing has happened yet.
      Send(std::move(question), &told);
      continue;
    }
    absl::Status status = StatusOf(*reply);
    if (status.ok()) {
      told.push_back({std::move(question.done), std::move(reply)});
    } else {
      told.push_back({std::move(question.done), std::move(status)});
    }
  }
  if (progress.lost) {
    FailAll(connection_.status(), &told);
  } else if (progress.came_up) {
    std::vector<Question> early = std::exchange(early_, {});
    for (Question& question : early) Send(std::move(question), &told);
  }
  connection_.Flush();
  return told;
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
