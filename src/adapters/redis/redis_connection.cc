// SPDX-License-Identifier: Apache-2.0

#include "src/adapters/redis/redis_connection.h"

#include <hiredis/hiredis.h>
#include <sys/poll.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "src/adapters/net/poll_loop.h"
#include "src/adapters/net/socket.h"
#include "src/adapters/redis/redis_reply.h"
#include "src/internal/backoff.h"
#include "src/internal/random.h"
#include "trivet/adapters/redis/redis_options.h"
#include "trivet/host/monotonic_time.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

constexpr absl::Duration kPauseMin = absl::Milliseconds(10);
constexpr absl::Duration kPauseMax = absl::Seconds(2);

// The value of a line "name:value" of what INFO says.
std::string FieldOf(std::string_view info, std::string_view name) {
  const std::string start = absl::StrCat("\n", std::string(name), ":");
  const size_t at = info.find(start);
  if (at == info.npos) return "";
  const size_t from = at + start.size();
  const size_t end = info.find_first_of("\r\n", from);
  return std::string(info.substr(from, end == info.npos ? end : end - from));
}

}  // namespace

RedisConnection::RedisConnection(const RedisOptions& options)
    : options_(options), jitter_seed_(RandomSeed()) {}

absl::StatusOr<Socket> RedisConnection::Dial(const RedisOptions& options) {
  return options.unix_socket.empty() ? Socket::Dial(options.host, options.port)
                                     : Socket::DialUnix(options.unix_socket);
}

void RedisConnection::Adopt(absl::StatusOr<Socket> socket, MonotonicTime now) {
  if (!socket.ok()) return Lose(socket.status(), now);
  socket_ = *std::move(socket);
  state_ = State::kDialing;
  status_ = absl::OkStatus();
  heard_at_ = now;
}

void RedisConnection::Send(std::string_view command, size_t asked,
                           MonotonicTime now) {
  if (asked == 0) heard_at_ = now;
  output_.append(command);
}

absl::Status RedisConnection::WriteOut() {
  while (!greeting_.empty()) {
    absl::StatusOr<size_t> sent = socket_.Write(greeting_);
    if (!sent.ok() || *sent == 0) return sent.status();
    greeting_.erase(0, *sent);
  }
  if (state_ != State::kUp) return absl::OkStatus();
  while (written_ < output_.size()) {
    absl::StatusOr<size_t> sent =
        socket_.Write(std::string_view(output_).substr(written_));
    if (!sent.ok() || *sent == 0) return sent.status();
    written_ += *sent;
  }
  output_.clear();
  written_ = 0;
  return absl::OkStatus();
}

bool RedisConnection::Flush() {
  if (state_ != State::kUp) return true;
  write_failed_ = WriteOut();
  return write_failed_.ok();
}

PollLoop::Wait RedisConnection::Next(size_t asked) const {
  PollLoop::Wait wait;
  if (!write_failed_.ok()) {
    wait.until = MonotonicTime::InfinitePast();
    return wait;
  }
  wait.fd = socket_.fd();
  switch (state_) {
    case State::kDown:
      wait.until = dial_at_;
      return wait;
    case State::kDialing:
      wait.events = POLLOUT;
      break;
    case State::kGreeting:
      wait.events = greeting_.empty() ? POLLIN : POLLIN | POLLOUT;
      break;
    case State::kUp:
      wait.events = output_.empty() ? POLLIN : POLLIN | POLLOUT;
      // Whoever asks next does not wake the loop: it looks by itself.
      if (asked == 0) {
        wait.until = PollLoop::Now() + options_.answer_timeout;
        return wait;
      }
      break;
  }
  wait.until = heard_at_ + options_.answer_timeout;
  return wait;
}

RedisConnection::Progress RedisConnection::Advance(int events, size_t asked,
                                                   MonotonicTime now) {
  Progress progress;
  if (state_ == State::kDown) return progress;
  const bool was_up = state_ == State::kUp;
  absl::Status status = write_failed_;
  if (status.ok() && state_ == State::kDialing && events != 0) {
    status = socket_.Connected();
    if (status.ok()) status = Greet();
  }
  if (status.ok() && (events & POLLIN) != 0) status = Receive(now, &progress);
  if (status.ok() && progress.replies.size() > asked) {
    progress.replies.resize(asked);
    status = absl::UnavailableError("it answers what was not asked");
  }
  if (status.ok() && (events & (POLLERR | POLLHUP)) != 0 &&
      (events & POLLIN) == 0 && state_ != State::kDialing) {
    status = absl::UnavailableError("the connection was cut");
  }
  if (status.ok()) status = WriteOut();
  const bool waits = asked > progress.replies.size() || state_ != State::kUp;
  if (status.ok() && waits && now >= heard_at_ + options_.answer_timeout) {
    status = absl::UnavailableError(absl::StrCat(
        "no answer for ", absl::FormatDuration(options_.answer_timeout)));
  }
  progress.came_up = !was_up && state_ == State::kUp;
  if (!status.ok()) {
    Lose(status, now);
    progress.lost = true;
  }
  return progress;
}

// Each command of the greeting is answered once; INFO is the last.
absl::Status RedisConnection::Greet() {
  std::vector<std::vector<std::string_view>> commands;
  if (!options_.password.empty()) {
    commands.push_back({"AUTH"});
    if (!options_.username.empty()) commands[0].push_back(options_.username);
    commands[0].push_back(options_.password);
  }
  const std::string database = absl::StrCat(options_.database);
  if (options_.database != 0) commands.push_back({"SELECT", database});
  commands.push_back({"INFO", "server"});
  greeting_.clear();
  for (const std::vector<std::string_view>& command : commands) {
    absl::StatusOr<std::string> bytes = RedisCommand(command);
    if (!bytes.ok()) return bytes.status();
    greeting_ += *bytes;
  }
  greetings_due_ = commands.size();
  state_ = State::kGreeting;
  return absl::OkStatus();
}

// An answer to the greeting.
absl::Status RedisConnection::Hear(const redisReply& reply) {
  absl::Status status = StatusOf(reply);
  if (!status.ok()) return status;
  if (--greetings_due_ > 0) return absl::OkStatus();
  const std::optional<std::string_view> info = TextOf(reply);
  run_id_ = info.has_value() ? FieldOf(*info, "run_id") : "";
  if (run_id_.empty()) {
    return absl::UnavailableError("it does not tell its run_id: is it Redis?");
  }
  state_ = State::kUp;
  attempts_ = 0;
  return absl::OkStatus();
}

absl::Status RedisConnection::Receive(MonotonicTime now, Progress* progress) {
  char buffer[16 << 10];
  absl::StatusOr<size_t> got = socket_.Read(buffer, sizeof buffer);
  if (!got.ok()) return got.status();
  if (*got == 0) return absl::OkStatus();
  heard_at_ = now;
  absl::Status status = reader_.Feed({buffer, *got});
  while (status.ok()) {
    absl::StatusOr<RedisReply> reply = reader_.Next();
    if (!reply.ok()) return reply.status();
    if (*reply == nullptr) break;
    if (state_ == State::kUp) {
      progress->replies.push_back(*std::move(reply));
    } else {
      status = Hear(**reply);
    }
  }
  return status;
}

void RedisConnection::Lose(const absl::Status& why, MonotonicTime now) {
  const std::string name = options_.unix_socket.empty()
                               ? absl::StrCat(options_.host, ":", options_.port)
                               : options_.unix_socket;
  status_ = absl::Status(why.code(),
                         absl::StrCat("Redis at ", name, ": ", why.message()));
  socket_.Close();
  reader_ = RedisReader();
  output_.clear();
  written_ = 0;
  write_failed_ = absl::OkStatus();
  state_ = State::kDown;
  const uint64_t random = SplitMix64(jitter_seed_ + attempts_).Next();
  dial_at_ = now + BackoffDelay(kPauseMin, kPauseMax, attempts_++, random);
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
