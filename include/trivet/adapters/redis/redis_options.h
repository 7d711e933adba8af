// SPDX-License-Identifier: Apache-2.0
//
// RedisOptions: which Redis, as whom, and how long to wait for it.

#ifndef TRIVET_ADAPTERS_REDIS_REDIS_OPTIONS_H_
#define TRIVET_ADAPTERS_REDIS_REDIS_OPTIONS_H_

#include <string>

#include "absl/time/time.h"

namespace trivet {
inline namespace v0_1 {

// Where a lease stands. Clients exclude each other only with the same one.
enum class RedisLayout {
  // At "trivet:lease:" and the lock's name.
  kTrivet,

  // At the lock's name itself, as `SET name id PX ms NX` puts it: shared with
  // redis-py's Lock, redsync, redis-plus-plus and node-redlock.
  kPlain,
};

struct RedisOptions {
  std::string host = "127.0.0.1";  // A name or an address.
  int port = 6379;                 // 1 to 65535.
  std::string unix_socket;         // Not empty: instead of host and port.
  std::string username;            // Empty: Redis's "default".
  std::string password;            // Empty: as whom Redis takes strangers for.
  int database = 0;
  RedisLayout layout = RedisLayout::kTrivet;

  // TLS. Refused with kUnimplemented: hiredis 0.14 has none. Until then put a
  // tunnel of the system between this host and a Redis elsewhere.
  bool tls = false;

  // How long Redis may say nothing while something was asked, before the
  // connection is given up: all that was asked of it fails with kUnavailable.
  // In 1 ms..1 min.
  absl::Duration answer_timeout = absl::Seconds(5);
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_ADAPTERS_REDIS_REDIS_OPTIONS_H_
