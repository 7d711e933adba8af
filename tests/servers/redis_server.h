// SPDX-License-Identifier: Apache-2.0
//
// RedisServer: a Redis of a test's own, on a free port of this machine's
// loopback. It ends with the test, however that ends.

#ifndef TRIVET_TESTS_SERVERS_REDIS_SERVER_H_
#define TRIVET_TESTS_SERVERS_REDIS_SERVER_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace trivet {

class RedisServer {
 public:
  // `arguments` are words of its command line, as "--requirepass", "secret".
  explicit RedisServer(std::vector<std::string> arguments = {});
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  int port() const { return port_; }

  // Returns when it accepts connections. What it had written to its folder is
  // there again.
  void Start();

  void Kill();  // As by kill -9. Returns when it has ended.
  void Pause();
  void Continue();

  // REQUIRES: it does not run. Forgets all that it has ever written.
  void LoseData();

 private:
  bool TryToStart();

  const TempDir folder_;
  const std::vector<std::string> arguments_;
  int port_ = 0;  // The same after the first start.
  pid_t pid_ = 0;
  std::string said_;  // Until it was ready.
  int says_ = -1;     // What it logs. Held open, or writing would end it.
};

}  // namespace trivet

#endif  // TRIVET_TESTS_SERVERS_REDIS_SERVER_H_
