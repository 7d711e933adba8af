// SPDX-License-Identifier: Apache-2.0

#include "trivet/adapters/redis/redis_lock_backend.h"

#include <hiredis/hiredis.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "src/adapters/redis/redis_reply.h"
#include "src/adapters/redis/redis_scripts.h"
#include "tests/servers/redis_server.h"
#include "tests/support/fork.h"
#include "tests/support/lease_calls.h"
#include "trivet/adapters/redis/redis_options.h"
#include "trivet/lock/fencing_token.h"

namespace trivet {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::Duration kTtl = absl::Seconds(30);

// Another client, which waits for its answers.
class Connection {
 public:
  explicit Connection(int port)
      : context_(redisConnect("127.0.0.1", port), redisFree) {
    EXPECT_EQ(context_->err, 0) << context_->errstr;
  }

  // As redis-cli would show it, roughly.
  std::string Run(const std::vector<std::string>& words) {
    std::vector<const char*> argv;
    std::vector<size_t> sizes;
    for (const std::string& word : words) {
      argv.push_back(word.data());
      sizes.push_back(word.size());
    }
    const internal::RedisReply reply(static_cast<redisReply*>(
        redisCommandArgv(context_.get(), static_cast<int>(argv.size()),
                         argv.data(), sizes.data())));
    if (reply == nullptr) return "gone";
    if (reply->type == REDIS_REPLY_INTEGER) {
      return std::to_string(reply->integer);
    }
    return reply->str == nullptr
               ? "nil"
               : std::string(reply->str, static_cast<size_t>(reply->len));
  }

 private:
  const std::unique_ptr<redisContext, void (*)(redisContext*)> context_;
};

std::unique_ptr<RedisLockBackend> Open(RedisOptions options) {
  auto backend = RedisLockBackend::Open(std::move(options));
  EXPECT_TRUE(backend.ok()) << backend.status();
  return *std::move(backend);
}

RedisOptions At(const RedisServer& server) {
  RedisOptions options;
  options.port = server.port();
  return options;
}

class RedisLockBackendTest : public ::testing::Test {
 protected:
  RedisServer server_;
  const std::unique_ptr<RedisLockBackend> backend_ = Open(At(server_));
  const LeaseKey a_ = {"job", "lease a", "host a"};
  const LeaseKey b_ = {"job", "lease b", "host b"};

  // Until the connection has been mended.
  Granted AcquireWhenUp(const LeaseKey& key) {
    Granted granted = Acquire(backend_.get(), key, kTtl);
    for (int i = 0; i < 100'000 && absl::IsUnavailable(granted.status()); ++i) {
      granted = Acquire(backend_.get(), key, kTtl);
    }
    return granted;
  }
};

TEST_F(RedisLockBackendTest, KnowsItsScriptsByTheNamesThatRedisGivesThem) {
  Connection other(server_.port());
  for (const auto* script :
       {&internal::AcquireScript(), &internal::RenewScript(),
        &internal::ReleaseScript()}) {
    EXPECT_EQ(other.Run({"SCRIPT", "LOAD", std::string(script->text)}),
              script->sha1);
  }
}

TEST_F(RedisLockBackendTest, AScriptThatRedisHasForgottenIsToldItAgain) {
  Connection other(server_.port());
  EXPECT_NE(TokenOf(Acquire(backend_.get(), a_, kTtl)), 0U);
  EXPECT_EQ(other.Run({"SCRIPT", "FLUSH"}), "OK");
  const uint64_t token = TokenOf(Renew(backend_.get(), a_, kTtl));
  EXPECT_NE(token, 0U);
  EXPECT_EQ(TokenOf(Acquire(backend_.get(), a_, kTtl)), token);
}

TEST_F(RedisLockBackendTest, LosingAllDataShowsAsANewGeneration) {
  const Granted before = Acquire(backend_.get(), a_, kTtl);
  ASSERT_NE(TokenOf(before), 0U);
  server_.Kill();
  server_.LoseData();
  server_.Start();
  const Granted after = AcquireWhenUp(b_);
  ASSERT_NE(TokenOf(after), 0U);
  EXPECT_NE((*after)->token.generation, (*before)->token.generation);
  EXPECT_TRUE(absl::IsAborted(CheckFence((*before)->token, (*after)->token)));
  EXPECT_EQ(TokenOf(Renew(backend_.get(), a_, kTtl)), 0U);
}

TEST_F(RedisLockBackendTest, LosingAllDataUnderAConnectionShowsToo) {
  Connection other(server_.port());
  const Granted before = Acquire(backend_.get(), a_, kTtl);
  ASSERT_NE(TokenOf(before), 0U);
  EXPECT_EQ(other.Run({"FLUSHALL"}), "OK");
  const Granted after = Acquire(backend_.get(), b_, kTtl);
  ASSERT_NE(TokenOf(after), 0U);
  EXPECT_NE((*after)->token.generation, (*before)->token.generation);
}

// Each key alone.
TEST_F(RedisLockBackendTest, WhoseFenceWasEvictedIsLost) {
  Connection other(server_.port());
  for (const char* key : {"trivet:fence:job", "trivet:generation"}) {
    const Granted granted = Acquire(backend_.get(), a_, kTtl);
    ASSERT_NE(TokenOf(granted), 0U);
    EXPECT_EQ(other.Run({"DEL", key}), "1");
    EXPECT_EQ(TokenOf(Renew(backend_.get(), a_, kTtl)), 0U);
    const Granted anew = Acquire(backend_.get(), a_, kTtl);
    ASSERT_NE(TokenOf(anew), 0U);
    EXPECT_NE((*anew)->token, (*granted)->token);
    EXPECT_EQ(TokenOf(Renew(backend_.get(), a_, kTtl)), TokenOf(anew));
  }
}

// A snapshot is older than the last grants, twice.
TEST_F(RedisLockBackendTest, TokensRiseThoughRestartsForgetTheLast) {
  Connection other(server_.port());
  uint64_t last = TokenOf(Acquire(backend_.get(), a_, kTtl));
  EXPECT_EQ(other.Run({"SAVE"}), "OK");
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(*Release(backend_.get(), i % 2 == 0 ? a_ : b_));
    server_.Kill();
    server_.Start();
    // The snapshot has a's lease.
    const Granted again = AcquireWhenUp(a_);
    ASSERT_NE(TokenOf(again), 0U);
    EXPECT_TRUE(*Release(backend_.get(), a_));
    const uint64_t token = TokenOf(Acquire(backend_.get(), b_, kTtl));
    EXPECT_GT(token, last);
    last = token;
  }
}

TEST_F(RedisLockBackendTest, ALostConnectionIsMended) {
  const uint64_t token = TokenOf(Acquire(backend_.get(), a_, kTtl));
  Connection other(server_.port());
  for (int i = 0; i < 3; ++i) {
    other.Run({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    EXPECT_EQ(TokenOf(AcquireWhenUp(a_)), token);
  }
}

TEST_F(RedisLockBackendTest, WithoutAServerItFailsAtOnceAndSaysWhich) {
  server_.Kill();
  const absl::Status status = Acquire(backend_.get(), a_, kTtl).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("127.0.0.1:" + std::to_string(server_.port())));
}

TEST_F(RedisLockBackendTest, AServerThatSaysNothingIsGivenUp) {
  RedisOptions options = At(server_);
  options.answer_timeout = absl::Milliseconds(50);
  const auto backend = Open(options);
  EXPECT_NE(TokenOf(Acquire(backend.get(), a_, kTtl)), 0U);
  server_.Pause();
  const absl::Status status = Renew(backend.get(), a_, kTtl).status();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("no answer for 50ms"));
  server_.Continue();
}

TEST_F(RedisLockBackendTest, SomebodyElsesKeyIsLeftAlone) {
  Connection other(server_.port());
  EXPECT_EQ(other.Run({"RPUSH", "trivet:lease:job", "x"}), "1");
  EXPECT_TRUE(absl::IsDataLoss(Acquire(backend_.get(), a_, kTtl).status()));
  EXPECT_TRUE(absl::IsDataLoss(Renew(backend_.get(), a_, kTtl).status()));
  EXPECT_TRUE(absl::IsDataLoss(Release(backend_.get(), a_).status()));
  EXPECT_EQ(other.Run({"LLEN", "trivet:lease:job"}), "1");
}

TEST_F(RedisLockBackendTest, ThePlainLayoutIsSharedWithOtherClients) {
  RedisOptions options = At(server_);
  options.layout = RedisLayout::kPlain;
  const auto plain = Open(options);
  Connection other(server_.port());
  EXPECT_EQ(other.Run({"SET", "job", "theirs", "PX", "60000", "NX"}), "OK");
  EXPECT_EQ(TokenOf(Acquire(plain.get(), a_, kTtl)), 0U);
  EXPECT_TRUE(*Release(plain.get(), a_));
  EXPECT_EQ(other.Run({"GET", "job"}), "theirs");
  EXPECT_EQ(other.Run({"DEL", "job"}), "1");
  EXPECT_NE(TokenOf(Acquire(plain.get(), a_, kTtl)), 0U);
  EXPECT_EQ(other.Run({"SET", "job", "theirs", "PX", "60000", "NX"}), "nil");
  EXPECT_EQ(other.Run({"GET", "job"}), a_.lease_id);
  EXPECT_TRUE(absl::IsInvalidArgument(
      Acquire(plain.get(), {"trivet:generation", "a", ""}, kTtl).status()));
}

TEST_F(RedisLockBackendTest, LayoutsDoNotDisturbEachOther) {
  RedisOptions options = At(server_);
  options.layout = RedisLayout::kPlain;
  const auto plain = Open(options);
  const uint64_t token = TokenOf(Acquire(backend_.get(), a_, kTtl));
  const uint64_t other = TokenOf(Acquire(plain.get(), b_, kTtl));
  EXPECT_NE(token, 0U);
  EXPECT_NE(other, 0U);
  EXPECT_EQ(TokenOf(Renew(backend_.get(), a_, kTtl)), token);
  EXPECT_EQ(TokenOf(Renew(plain.get(), b_, kTtl)), other);
}

TEST_F(RedisLockBackendTest, WhatIsHeldInRedisExpiresByItself) {
  Connection other(server_.port());
  EXPECT_NE(TokenOf(Acquire(backend_.get(), a_, kTtl)), 0U);
  const int64_t left = std::stoll(other.Run({"PTTL", "trivet:lease:job"}));
  EXPECT_GT(left, 0);
  EXPECT_LE(left, 30'000);
  // And a renewal never shortens it.
  EXPECT_NE(TokenOf(Renew(backend_.get(), a_, absl::Milliseconds(1))), 0U);
  EXPECT_GT(std::stoll(other.Run({"PTTL", "trivet:lease:job"})), 1000);
}

TEST_F(RedisLockBackendTest, L8_AForkedChildAsksForNothing) {
  EXPECT_NE(TokenOf(Acquire(backend_.get(), a_, kTtl)), 0U);
  EXPECT_TRUE(InChild([&] {
    return absl::IsFailedPrecondition(Renew(backend_.get(), a_, kTtl).status());
  }));
  EXPECT_NE(TokenOf(Renew(backend_.get(), a_, kTtl)), 0U);
}

TEST(RedisAuthTest, APasswordIsAskedForAndNeverShown) {
  RedisServer server({"--requirepass", "s3cret"});
  const LeaseKey key = {"job", "lease", "host"};
  RedisOptions options = At(server);
  absl::Status status = Acquire(Open(options).get(), key, kTtl).status();
  EXPECT_TRUE(absl::IsUnauthenticated(status)) << status;
  options.password = "wr0ng";
  status = Acquire(Open(options).get(), key, kTtl).status();
  EXPECT_TRUE(absl::IsUnauthenticated(status)) << status;
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("wr0ng")));
  options.password = "s3cret";
  EXPECT_NE(TokenOf(Acquire(Open(options).get(), key, kTtl)), 0U);
  options.username = "default";
  EXPECT_NE(TokenOf(Acquire(Open(options).get(), key, kTtl)), 0U);
}

TEST(RedisOptionsTest, WhatIsOutOfBoundsIsRefusedByName) {
  const auto error = [](const RedisOptions& options) {
    return RedisLockBackend::Open(options).status();
  };
  RedisOptions options;
  options.port = 0;
  EXPECT_EQ(error(options).message(),
            "RedisOptions.port is 0; it must be in 1..65535");
  options = {};
  options.tls = true;
  EXPECT_TRUE(absl::IsUnimplemented(error(options)));
  options = {};
  options.host = "";
  EXPECT_EQ(error(options).message(), "RedisOptions.host is empty");
  options = {};
  options.database = -1;
  EXPECT_EQ(error(options).message(),
            "RedisOptions.database is -1; it must be 0 or more");
  options = {};
  options.username = "me";
  EXPECT_EQ(error(options).message(),
            "RedisOptions.username is given without a password");
  options = {};
  options.answer_timeout = absl::ZeroDuration();
  EXPECT_EQ(error(options).message(),
            "RedisOptions.answer_timeout is 0; it must be in 1ms..1m");
}

}  // namespace
}  // namespace trivet
