// SPDX-License-Identifier: Apache-2.0

#include "trivet/adapters/redis/redis_lock_backend.h"
#include "trivet/adapters/redis/redis_options.h"

int main() {
  trivet::RedisOptions options;
  options.port = 0;
  return trivet::RedisLockBackend::Open(options).ok() ? 1 : 0;
}
