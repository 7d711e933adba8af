// SPDX-License-Identifier: Apache-2.0
//
// RedisScript: what Redis does for us in one step, in its own Lua.
//
//   KEYS[1]  the lease: a string, the lease id; it expires when the lease does
//   KEYS[2]  the fence: a hash of the last grant; it never expires
//   KEYS[3]  the generation of all tokens: a string
//   ARGV[1]  the lease id, then what each script says; last the run of the
//            server
//
// All answer an array: 0 if refused; otherwise 1, and of a grant the token and
// its generation. Redis, 7.0, "Scripting with Lua".

#ifndef TRIVET_SRC_ADAPTERS_REDIS_REDIS_SCRIPTS_H_
#define TRIVET_SRC_ADAPTERS_REDIS_REDIS_SCRIPTS_H_

#include <string_view>

#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// Redis knows a script that it has seen by its SHA-1.
struct RedisScript {
  std::string_view sha1;
  std::string_view text;
};

// ttl in ms, owner, a new generation
TRIVET_EXPORT const RedisScript& AcquireScript();

// ttl in ms
TRIVET_EXPORT const RedisScript& RenewScript();

TRIVET_EXPORT const RedisScript& ReleaseScript();

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_ADAPTERS_REDIS_REDIS_SCRIPTS_H_
