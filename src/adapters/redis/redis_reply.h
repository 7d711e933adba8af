// SPDX-License-Identifier: Apache-2.0
//
// What Redis answers, by hiredis's reader, within bounds; and its errors as
// Status.

#ifndef TRIVET_SRC_ADAPTERS_REDIS_REDIS_REPLY_H_
#define TRIVET_SRC_ADAPTERS_REDIS_REDIS_REPLY_H_

#include <hiredis/hiredis.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

struct FreeRedisReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using RedisReply = std::unique_ptr<redisReply, FreeRedisReply>;

// Of a reply or of an element of one: nullopt where it is something else.
std::optional<int64_t> IntOf(const redisReply& reply);
std::optional<std::string_view> TextOf(const redisReply& reply);  // A string.
std::optional<uint64_t> NumberIn(const redisReply& reply);  // In a string.
absl::Span<redisReply* const> ElementsOf(const redisReply& reply);

// Not OK: the reply is an error, or its own error is one.
absl::Status StatusOf(const redisReply& reply);

// Whether the reply is an error that begins with this word.
bool IsError(const redisReply& reply, std::string_view word);

// Cuts a stream of bytes into replies. Thread-compatible.
class RedisReader {
 public:
  // kUnavailable: what came is no reply of a Redis to any question of ours.
  absl::Status Feed(std::string_view bytes);

  // nullptr: what came last has not come whole yet. Errors as Feed.
  absl::StatusOr<RedisReply> Next();

 private:
  struct Free {
    void operator()(redisReader* reader) const { redisReaderFree(reader); }
  };
  std::unique_ptr<redisReader, Free> reader_;
};

// A command as Redis reads it. All arguments are bytes.
// kResourceExhausted: no memory.
absl::StatusOr<std::string> RedisCommand(
    absl::Span<const std::string_view> arguments);

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_ADAPTERS_REDIS_REDIS_REPLY_H_
