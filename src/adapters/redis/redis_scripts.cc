// SPDX-License-Identifier: Apache-2.0

#include "src/adapters/redis/redis_scripts.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

// A lease whose own fence is gone, or is of data that was lost, has a new
// token: its holder learns that way that it cannot be told from a later one any
// more.
//
// A server that was started anew may have forgotten its last grants. Then the
// next token is the server's time in microseconds, or far above the last one if
// that is larger: a fixed step alone would repeat itself after two starts that
// both forget. Numbers in Lua are exact up to 2^53, the year 2255.
constexpr RedisScript kAcquireScript = {
    "ea53acb8ff460c49a81b5a37c35d66265588dfd7",
    R"lua(local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return {0} end
local generation = redis.call('GET', KEYS[3])
if not generation then
  generation = ARGV[4]
  redis.call('SET', KEYS[3], generation)
end
local fence = redis.call('HMGET', KEYS[2], 'token', 'run', 'generation', 'lease')
local token = fence[1]
if holder then
  local left = redis.call('PTTL', KEYS[1])
  if left < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
else
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
if not holder or fence[4] ~= ARGV[1] or fence[3] ~= generation then
  local last = tonumber(token or '0')
  local next = last + 1
  if fence[2] ~= ARGV[5] then
    local time = redis.call('TIME')
    local now = time[1] * 1000000 + time[2]
    if now > last then next = now else next = last + 4294967296 end
  end
  token = string.format('%.0f', next)
  redis.call('HSET', KEYS[2], 'token', token, 'run', ARGV[5],
             'generation', generation, 'lease', ARGV[1], 'owner', ARGV[3])
end
return {1, token, generation}
)lua"};

// Never shortens.
constexpr RedisScript kRenewScript = {
    "a92272de1061c0626caf5de74007814d9a304541",
    R"lua(if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {0} end
local fence = redis.call('HMGET', KEYS[2], 'token', 'generation', 'lease')
if fence[3] ~= ARGV[1] or fence[2] ~= redis.call('GET', KEYS[3]) then
  return {0}
end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return {1, fence[1], fence[2]}
)lua"};

// Whoever has lost it releases nothing.
constexpr RedisScript kReleaseScript = {
    "17f35419b6665fff948efbe5d556f038a0759638",
    R"lua(if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return {1}
)lua"};

}  // namespace

const RedisScript& AcquireScript() { return kAcquireScript; }
const RedisScript& RenewScript() { return kRenewScript; }
const RedisScript& ReleaseScript() { return kReleaseScript; }

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
