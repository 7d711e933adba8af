// SPDX-License-Identifier: Apache-2.0

#include "src/adapters/redis/redis_reply.h"

#include <hiredis/hiredis.h>
#include <hiredis/read.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "src/internal/strings.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

// No answer to a question of ours is longer.
constexpr size_t kReplyMax = size_t{1} << 20;
constexpr int kElementsMax = 64;

// The first word of an error is its code. Others than these last until somebody
// mends the server, its settings or its data.
struct ErrorWord {
  std::string_view word;
  absl::StatusCode code;
};
constexpr ErrorWord kErrorWords[] = {
    {"NOAUTH", absl::StatusCode::kUnauthenticated},
    {"WRONGPASS", absl::StatusCode::kUnauthenticated},
    {"NOPERM", absl::StatusCode::kPermissionDenied},
    {"WRONGTYPE", absl::StatusCode::kDataLoss},
    {"OOM", absl::StatusCode::kResourceExhausted},
    {"MOVED", absl::StatusCode::kUnimplemented},
    {"CROSSSLOT", absl::StatusCode::kUnimplemented},
    {"READONLY", absl::StatusCode::kUnavailable},
    {"LOADING", absl::StatusCode::kUnavailable},
    {"BUSY", absl::StatusCode::kUnavailable},
    {"MASTERDOWN", absl::StatusCode::kUnavailable},
    {"MISCONF", absl::StatusCode::kUnavailable},
    {"NOREPLICAS", absl::StatusCode::kUnavailable},
};

bool BeginsWith(std::string_view text, std::string_view word) {
  return text.substr(0, word.size()) == word &&
         (text.size() == word.size() || text[word.size()] == ' ');
}

// hiredis's own, but for the limit. How it counts depends on its version.
template <typename Count>
class BoundedArrays {
 public:
  using Create = void* (*)(const redisReadTask*, Count);

  static void PutInto(Create* create) {
    Own() = *create;
    *create = [](const redisReadTask* task, Count elements) -> void* {
      return elements > kElementsMax ? nullptr : Own()(task, elements);
    };
  }

 private:
  static Create& Own() {
    static Create create = nullptr;
    return create;
  }
};

template <typename Count>
void BoundArrays(void* (**create)(const redisReadTask*, Count)) {
  BoundedArrays<Count>::PutInto(create);
}

redisReplyObjectFunctions* BoundedFunctions() {
  static redisReplyObjectFunctions functions = [] {
    redisReplyObjectFunctions own{};
    redisReader* const reader = redisReaderCreate();
    if (reader == nullptr) return own;
    own = *reader->fn;
    redisReaderFree(reader);
    BoundArrays(&own.createArray);
    return own;
  }();
  return functions.createArray != nullptr ? &functions : nullptr;
}

}  // namespace

std::optional<int64_t> IntOf(const redisReply& reply) {
  if (reply.type != REDIS_REPLY_INTEGER) return std::nullopt;
  return int64_t{reply.integer};
}

std::optional<std::string_view> TextOf(const redisReply& reply) {
  if (reply.type != REDIS_REPLY_STRING && reply.type != REDIS_REPLY_STATUS) {
    return std::nullopt;
  }
  return std::string_view(reply.str, static_cast<size_t>(reply.len));
}

std::optional<uint64_t> NumberIn(const redisReply& reply) {
  const std::optional<std::string_view> text = TextOf(reply);
  uint64_t number = 0;
  if (!text.has_value() || !absl::SimpleAtoi(Sv(*text), &number)) {
    return std::nullopt;
  }
  return number;
}

absl::Span<redisReply* const> ElementsOf(const redisReply& reply) {
  if (reply.type != REDIS_REPLY_ARRAY) return {};
  return {reply.element, static_cast<size_t>(reply.elements)};
}

absl::Status StatusOf(const redisReply& reply) {
  if (reply.type != REDIS_REPLY_ERROR) return absl::OkStatus();
  const std::string_view text(reply.str, static_cast<size_t>(reply.len));
  absl::StatusCode code = absl::StatusCode::kInternal;
  for (const ErrorWord& known : kErrorWords) {
    if (BeginsWith(text, known.word)) code = known.code;
  }
  constexpr size_t kShown = 200;
  return absl::Status(
      code,
      absl::StrCat("Redis: ", absl::CHexEscape(Sv(text.substr(0, kShown)))));
}

bool IsError(const redisReply& reply, std::string_view word) {
  return reply.type == REDIS_REPLY_ERROR &&
         BeginsWith({reply.str, static_cast<size_t>(reply.len)}, word);
}

absl::Status RedisReader::Feed(std::string_view bytes) {
  if (reader_ == nullptr) {
    redisReplyObjectFunctions* const functions = BoundedFunctions();
    if (functions != nullptr) {
      reader_.reset(redisReaderCreateWithFunctions(functions));
    }
    if (reader_ == nullptr) return absl::UnavailableError("no memory");
  }
  if (reader_->len - reader_->pos + bytes.size() > kReplyMax) {
    return absl::UnavailableError(absl::StrCat(
        "its answer is no Redis's: it has more than ", kReplyMax, " bytes"));
  }
  if (redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) != REDIS_OK) {
    return absl::UnavailableError("its answer does not fit into memory");
  }
  return absl::OkStatus();
}

absl::StatusOr<RedisReply> RedisReader::Next() {
  if (reader_ == nullptr) return RedisReply();
  void* reply = nullptr;
  if (redisReaderGetReply(reader_.get(), &reply) != REDIS_OK) {
    return absl::UnavailableError(
        absl::StrCat("its answer is no Redis's: ", reader_->errstr));
  }
  return RedisReply(static_cast<redisReply*>(reply));
}

absl::StatusOr<std::string> RedisCommand(
    absl::Span<const std::string_view> arguments) {
  std::vector<const char*> bytes;
  std::vector<size_t> sizes;
  for (const std::string_view argument : arguments) {
    bytes.push_back(argument.data());
    sizes.push_back(argument.size());
  }
  char* command = nullptr;
  const auto size = redisFormatCommandArgv(
      &command, static_cast<int>(bytes.size()), bytes.data(), sizes.data());
  if (size < 0) return absl::ResourceExhaustedError("no memory for a command");
  std::string text(command, static_cast<size_t>(size));
  redisFreeCommand(command);
  return text;
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
