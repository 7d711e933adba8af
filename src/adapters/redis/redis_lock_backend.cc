// SPDX-License-Identifier: Apache-2.0

#include "trivet/adapters/redis/redis_lock_backend.h"

#include <hiredis/hiredis.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "src/adapters/redis/redis_client.h"
#include "src/adapters/redis/redis_reply.h"
#include "src/adapters/redis/redis_scripts.h"
#include "src/internal/fork_generation.h"
#include "src/internal/quoted.h"
#include "src/internal/random.h"
#include "trivet/adapters/redis/redis_options.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lock_backend.h"

namespace trivet {
inline namespace v0_1 {
namespace {

using internal::RedisClient;
using internal::RedisReply;
using internal::RedisScript;
using Grant = std::optional<LeaseGrant>;

constexpr size_t kBytesMax = 512;
constexpr absl::Duration kTtlMin = absl::Milliseconds(1);
constexpr absl::Duration kTtlMax = absl::Hours(24 * 365);
constexpr char kOwnKeys[] = "trivet:";

absl::Status Check(const RedisOptions& options) {
  if (options.tls) {
    return absl::UnimplementedError(
        "RedisOptions.tls: this trivet has no TLS for Redis");
  }
  if (options.unix_socket.empty() &&
      (options.port < 1 || options.port > 65535)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "RedisOptions.port is ", options.port, "; it must be in 1..65535"));
  }
  if (options.host.empty() && options.unix_socket.empty()) {
    return absl::InvalidArgumentError("RedisOptions.host is empty");
  }
  if (options.database < 0) {
    return absl::InvalidArgumentError(absl::StrCat("RedisOptions.database is ",
                                                   options.database,
                                                   "; it must be 0 or more"));
  }
  if (options.password.empty() && !options.username.empty()) {
    return absl::InvalidArgumentError(
        "RedisOptions.username is given without a password");
  }
  if (options.answer_timeout < absl::Milliseconds(1) ||
      options.answer_timeout > absl::Minutes(1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("RedisOptions.answer_timeout is ",
                     absl::FormatDuration(options.answer_timeout),
                     "; it must be in 1ms..1m"));
  }
  return absl::OkStatus();
}

absl::Status CheckSize(const char* name, const std::string& bytes, size_t min) {
  if (bytes.size() >= min && bytes.size() <= kBytesMax) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " has ", bytes.size(),
                                                 " bytes, must have ", min,
                                                 " to ", kBytesMax));
}

int64_t InMilliseconds(absl::Duration ttl) {
  return absl::ToInt64Milliseconds(absl::Ceil(ttl, absl::Milliseconds(1)));
}

absl::Status Damaged() {
  return absl::DataLossError("Redis: a script answered what is no lease");
}

// Of the scripts that grant.
absl::StatusOr<Grant> GrantIn(const redisReply& reply, absl::Duration ttl) {
  const absl::Span<redisReply* const> parts = internal::ElementsOf(reply);
  const std::optional<int64_t> granted =
      parts.empty() ? std::nullopt : internal::IntOf(*parts[0]);
  if (granted == 0) return std::nullopt;
  if (granted != 1 || parts.size() != 3) return Damaged();
  const std::optional<uint64_t> token = internal::NumberIn(*parts[1]);
  const std::optional<uint64_t> generation = internal::NumberIn(*parts[2]);
  if (!token.has_value() || *token == 0 || !generation.has_value()) {
    return Damaged();
  }
  return LeaseGrant{{*generation, *token}, ttl};
}

}  // namespace

class RedisLockBackend::Impl {
 public:
  explicit Impl(RedisLayout layout) : layout_(layout) {}

  absl::Status Start(const RedisOptions& options) {
    absl::StatusOr<std::unique_ptr<RedisClient>> client =
        RedisClient::Start(options);
    if (!client.ok()) return client.status();
    client_ = *std::move(client);
    return absl::OkStatus();
  }

  bool IsForked() const {
    return fork_generation_ != internal::ForkGeneration();
  }

  // With `more` after the lease id. T is what the scripts's reply is made into
  // by `read`.
  template <typename T, typename Read>
  void Run(const RedisScript& script, const LeaseKey& key, absl::Duration ttl,
           std::vector<std::string> more, Read read, Done<T> done) {
    absl::Status sound = Check(key, ttl);
    if (!sound.ok()) return std::move(done)(std::move(sound));
    const bool plain = layout_ == RedisLayout::kPlain;
    std::vector<std::string> keys = {
        plain ? key.lock : absl::StrCat(kOwnKeys, "lease:", key.lock),
        absl::StrCat(kOwnKeys, plain ? "plain-fence:" : "fence:", key.lock),
        absl::StrCat(kOwnKeys, "generation")};
    more.insert(more.begin(), key.lease_id);
    client_->Run(script, std::move(keys), std::move(more),
                 [read, done = std::move(done)](
                     absl::StatusOr<RedisReply> reply) mutable {
                   if (!reply.ok()) return std::move(done)(reply.status());
                   std::move(done)(read(**reply));
                 });
  }

 private:
  absl::Status Check(const LeaseKey& key, absl::Duration ttl) const {
    if (IsForked()) {
      return absl::FailedPreconditionError(
          "the backend was opened by this process's parent; open it anew");
    }
    absl::Status sound = CheckSize("LeaseKey.lock", key.lock, 1);
    sound.Update(CheckSize("LeaseKey.lease_id", key.lease_id, 1));
    sound.Update(CheckSize("LeaseKey.owner", key.owner, 0));
    if (ttl < kTtlMin || ttl > kTtlMax) {
      sound.Update(absl::InvalidArgumentError(absl::StrCat(
          "ttl is ", absl::FormatDuration(ttl), ", must be in ",
          absl::FormatDuration(kTtlMin), "..", absl::FormatDuration(kTtlMax))));
    }
    if (layout_ == RedisLayout::kPlain &&
        absl::StartsWith(key.lock, kOwnKeys)) {
      sound.Update(absl::InvalidArgumentError(
          absl::StrCat("LeaseKey.lock is ", internal::Quoted(key.lock),
                       "; in the plain layout names that begin with \"",
                       kOwnKeys, "\" are trivet's own")));
    }
    return sound;
  }

  const RedisLayout layout_;
  const uint64_t fork_generation_ = internal::ForkGeneration();
  std::unique_ptr<RedisClient> client_;
};

absl::StatusOr<std::unique_ptr<RedisLockBackend>> RedisLockBackend::Open(
    const RedisOptions& options) {
  absl::Status sound = Check(options);
  if (!sound.ok()) return sound;
  auto impl = std::make_unique<Impl>(options.layout);
  absl::Status started = impl->Start(options);
  if (!started.ok()) return started;
  return std::unique_ptr<RedisLockBackend>(
      new RedisLockBackend(impl.release()));
}

RedisLockBackend::RedisLockBackend(Impl* impl) : impl_(impl) {}

RedisLockBackend::~RedisLockBackend() {
  if (!impl_->IsForked()) delete impl_;
}

LockBackendTraits RedisLockBackend::Traits() const {
  LockBackendTraits traits;
  traits.fence = FenceStrength::kMonotonicUnlessDataLost;
  traits.ttl_min = kTtlMin;
  traits.ttl_max = kTtlMax;
  traits.lock_name_max = kBytesMax;
  return traits;
}

void RedisLockBackend::Acquire(const LeaseKey& key, absl::Duration ttl,
                               MonotonicTime, Done<Grant> done) {
  // 63 bits: as much as SQL's integers hold.
  const uint64_t generation = internal::RandomSeed() >> 1;
  impl_->Run<Grant>(
      internal::AcquireScript(), key, ttl,
      {absl::StrCat(InMilliseconds(ttl)), key.owner, absl::StrCat(generation)},
      [ttl](const redisReply& reply) { return GrantIn(reply, ttl); },
      std::move(done));
}

void RedisLockBackend::Renew(const LeaseKey& key, absl::Duration ttl,
                             MonotonicTime, Done<Grant> done) {
  impl_->Run<Grant>(
      internal::RenewScript(), key, ttl, {absl::StrCat(InMilliseconds(ttl))},
      [ttl](const redisReply& reply) { return GrantIn(reply, ttl); },
      std::move(done));
}

void RedisLockBackend::Release(const LeaseKey& key, MonotonicTime,
                               Done<bool> done) {
  impl_->Run<bool>(
      internal::ReleaseScript(), key, kTtlMax, {},
      [](const redisReply&) -> absl::StatusOr<bool> { return true; },
      std::move(done));
}

}  // namespace v0_1
}  // namespace trivet
