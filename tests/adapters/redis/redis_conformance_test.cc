// SPDX-License-Identifier: Apache-2.0
//
// RedisLockBackend conforms, on a real Redis and in real time.

#include <memory>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/servers/redis_server.h"
#include "trivet/adapters/redis/redis_lock_backend.h"
#include "trivet/adapters/redis/redis_options.h"
#include "trivet/adapters/thread/thread_executor.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/testing/conformance/gtest.h"
#include "trivet/testing/conformance/lock_backend_suite.h"
#include "trivet/testing/conformance/pace.h"

namespace trivet {
namespace {

using testing::LockBackendSubject;
using testing::LockBackendSuite;
using testing::Pace;

class RedisLocks final : public LockBackendSubject {
 public:
  explicit RedisLocks(RedisLayout layout) : layout_(layout) { Open(); }

  LockBackend* backend() override { return backend_.get(); }
  Pace pace() const override { return pace_; }
  MonotonicTime Now() const override { return executor_->Now(); }
  absl::Duration ttl() const override { return absl::Seconds(1); }
  bool Restart() override {
    backend_.reset();
    server_.Kill();
    server_.Start();
    Open();
    return true;
  }
  bool Destroy() override {
    backend_.reset();
    return true;
  }

 private:
  void Open() {
    RedisOptions options;
    options.port = server_.port();
    options.layout = layout_;
    backend_ = *RedisLockBackend::Open(options);
  }

  const RedisLayout layout_;
  const Pace pace_;
  RedisServer server_{{"--appendonly", "yes", "--appendfsync", "always"}};
  std::unique_ptr<ThreadExecutor> executor_ = *ThreadExecutor::Create({1});
  std::unique_ptr<RedisLockBackend> backend_;
};

TRIVET_TEST_CONFORMANCE(RedisLockBackend, LockBackendSuite, [] {
  return std::make_unique<RedisLocks>(RedisLayout::kTrivet);
});

TRIVET_TEST_CONFORMANCE(RedisLockBackendPlain, LockBackendSuite, [] {
  return std::make_unique<RedisLocks>(RedisLayout::kPlain);
});

}  // namespace
}  // namespace trivet
