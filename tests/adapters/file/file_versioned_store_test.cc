// SPDX-License-Identifier: Apache-2.0

#include "trivet/adapters/file/file_versioned_store.h"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "src/adapters/file/file_log_factory.h"
#include "tests/adapters/file/file_log_test_util.h"
#include "tests/adapters/file/memory_disk.h"
#include "tests/support/real_time.h"
#include "tests/support/temp_dir.h"
#include "trivet/host/versioned_store.h"

namespace trivet {
namespace {

using internal::FileVersionedFactory;
using testing::HasSubstr;
using testing::SizeIs;

absl::StatusOr<VersionedValue> Get(VersionedStore* store, std::string key) {
  Awaiter<absl::StatusOr<VersionedValue>> value;
  store->Get(std::move(key), value.Done());
  return value.Wait();
}

absl::StatusOr<uint64_t> Set(VersionedStore* store, std::string key,
                             uint64_t expected, std::string value) {
  Awaiter<absl::StatusOr<uint64_t>> version;
  store->CompareAndSet(std::move(key), expected, std::move(value),
                       version.Done());
  return version.Wait();
}

class FileVersionedStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    auto store = FileVersionedFactory::Create(&disk_, kDirectory);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  void Reopen() {
    store_.reset();
    auto store = FileVersionedFactory::Open(&disk_, kDirectory);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  void ExpectHolds(const std::string& key, const std::string& value,
                   uint64_t version) {
    const auto got = Get(store_.get(), key);
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(got->value, value) << key;
    EXPECT_EQ(got->version, version) << key;
  }

  MemoryDisk disk_;
  std::unique_ptr<FileVersionedStore> store_;
};

TEST_F(FileVersionedStoreTest, ARegisterThatWasNeverWrittenIsEmptyAtVersion0) {
  ExpectHolds("a", "", 0);
}

TEST_F(FileVersionedStoreTest, WritesOnlyAtTheExpectedVersion) {
  EXPECT_EQ(*Set(store_.get(), "a", 0, "one"), 1U);
  EXPECT_EQ(*Set(store_.get(), "a", 1, "two"), 2U);
  for (const uint64_t stale : {0U, 1U, 3U}) {
    const absl::Status status = Set(store_.get(), "a", stale, "no").status();
    EXPECT_TRUE(absl::IsAborted(status));
    EXPECT_THAT(std::string(status.message()), HasSubstr("is at 2"));
  }
  ExpectHolds("a", "two", 2);
}

TEST_F(FileVersionedStoreTest, KeysAndValuesAreAnyBytes) {
  const std::vector<std::string> keys = {
      "",      "/etc/passwd",
      "../up", std::string("a\0b", 3),
      "a",     std::string("a\0", 2),
      "\xFF",  std::string(FileVersionedStore::kKeySizeMax, 'k')};
  for (const std::string& key : keys) {
    ASSERT_EQ(*Set(store_.get(), key, 0, "value of " + key), 1U);
  }
  Reopen();
  for (const std::string& key : keys) ExpectHolds(key, "value of " + key, 1);
  EXPECT_THAT(disk_.Names(kDirectory), SizeIs(2)) << "no key is a path";
}

TEST_F(FileVersionedStoreTest, RefusesKeysAndValuesAboveTheirLimits) {
  const std::string key(FileVersionedStore::kKeySizeMax + 1, 'k');
  const std::string value(FileVersionedStore::kValueSizeMax + 1, 'v');
  for (const absl::Status& status :
       {Get(store_.get(), key).status(), Set(store_.get(), key, 0, "").status(),
        Set(store_.get(), "a", 0, value).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("the limit is"));
  }
  EXPECT_EQ(*Set(store_.get(), "a", 0, value.substr(1)), 1U)
      << "a refusal stops nothing, and the limit itself is allowed";
}

// Nobody may act on a write that a power loss can still take back.
TEST_F(FileVersionedStoreTest, NoAnswerRevealsAWriteThatIsNotDurable) {
  ASSERT_EQ(*Set(store_.get(), "a", 0, "old"), 1U);
  disk_.HoldSyncs(true);
  Awaiter<absl::StatusOr<uint64_t>> write;
  Awaiter<absl::StatusOr<VersionedValue>> read;
  Awaiter<absl::StatusOr<uint64_t>> refused;
  store_->CompareAndSet("a", 1, "new", write.Done());
  store_->Get("a", read.Done());
  store_->CompareAndSet("a", 1, "too late", refused.Done());
  for (int i = 0; i < 1000; ++i) std::this_thread::yield();
  EXPECT_FALSE(write.IsReady());
  EXPECT_FALSE(read.IsReady());
  EXPECT_FALSE(refused.IsReady());
  disk_.HoldSyncs(false);
  EXPECT_EQ(*write.Wait(), 2U);
  EXPECT_EQ(read.Wait()->value, "new");
  EXPECT_TRUE(absl::IsAborted(refused.Wait().status()));
}

TEST_F(FileVersionedStoreTest, AFailedDiskStopsTheStoreForGood) {
  ASSERT_EQ(*Set(store_.get(), "a", 0, "one"), 1U);
  disk_.FailCall(2, EIO);
  EXPECT_TRUE(absl::IsUnavailable(Set(store_.get(), "a", 1, "two").status()));
  EXPECT_TRUE(absl::IsUnavailable(Get(store_.get(), "a").status()));
  EXPECT_TRUE(absl::IsUnavailable(Set(store_.get(), "a", 0, "x").status()))
      << "not even a refusal: it would tell what is unknown";
  Reopen();
  const auto got = Get(store_.get(), "a");
  ASSERT_TRUE(got.ok());
  EXPECT_TRUE(got->version == 1 || got->version == 2);
}

TEST_F(FileVersionedStoreTest, EveryWriterWinsOnceWhenManyCompete) {
  constexpr int kThreads = 4;
  constexpr int kWins = 50;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int wins = 0; wins < kWins;) {
        const auto got = Get(store_.get(), "counter");
        ASSERT_TRUE(got.ok());
        const int count = got->value.empty() ? 0 : std::stoi(got->value);
        const auto set = Set(store_.get(), "counter", got->version,
                             std::to_string(count + 1));
        if (set.ok()) ++wins;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ExpectHolds("counter", "200", 200);
}

TEST_F(FileVersionedStoreTest, RewritesItsLogAndKeepsEveryRegister) {
  const std::string big(200000, 'v');
  ASSERT_EQ(*Set(store_.get(), "quiet", 0, "kept"), 1U);
  for (uint64_t version = 0; version < 60; ++version) {
    ASSERT_EQ(*Set(store_.get(), "busy", version, big), version + 1);
  }
  // 12 MB were written; what is live are 0.2 MB.
  EXPECT_LE(disk_.Names(kDirectory).size(), 4U) << "nothing was dropped";
  ExpectHolds("quiet", "kept", 1);
  for (const bool power_loss : {false, true}) {
    store_.reset();
    MemoryDisk after(power_loss ? MemoryDisk::PowerLoss(disk_.state(), 0)
                                : disk_.state());
    auto store = FileVersionedFactory::Open(&after, kDirectory);
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_EQ(Get(store->get(), "quiet")->value, "kept");
    EXPECT_EQ(Get(store->get(), "busy")->version, 60U);
    EXPECT_EQ(Get(store->get(), "busy")->value, big);
  }
}

// Every n-th call fails; what was acknowledged must be there, and no version
// may come a second time.
TEST(FileVersionedStoreFaults, NoAcknowledgedVersionIsLostOrRepeated) {
  for (uint64_t n = 1; n < 60; ++n) {
    MemoryDisk disk;
    uint64_t acknowledged = 0;
    disk.FailCall(n, EIO);
    auto store = FileVersionedFactory::Create(&disk, kDirectory);
    if (!store.ok()) continue;
    while (acknowledged < 20) {
      const auto set = Set(store->get(), "a", acknowledged,
                           std::to_string(acknowledged + 1));
      if (!set.ok()) break;
      acknowledged = *set;
    }
    store->reset();
    MemoryDisk after(MemoryDisk::PowerLoss(disk.state(), n));
    auto again = FileVersionedFactory::Open(&after, kDirectory);
    ASSERT_TRUE(again.ok()) << n << ": " << again.status();
    const auto got = Get(again->get(), "a");
    ASSERT_TRUE(got.ok());
    EXPECT_GE(got->version, acknowledged) << n;
    EXPECT_EQ(got->value,
              got->version == 0 ? "" : std::to_string(got->version));
  }
}

TEST(FileVersionedStoreForeign, ALogOfSomethingElseIsRefused) {
  const std::string version_0 = std::string("TVR1") + std::string(10, '\0');
  for (const std::string& record :
       {std::string("something else"), std::string("TVR1"), std::string(),
        version_0, "TVR1" + std::string("\1\0\0\0\0\0\0\0\1k\1vX", 13)}) {
    MemoryDisk disk;
    {
      auto log = CreateOn(&disk);
      ASSERT_TRUE(ClaimAll(log->get()).ok());
      ASSERT_TRUE(Append(log->get(), 1, {record}).ok());
    }
    EXPECT_TRUE(absl::IsDataLoss(
        FileVersionedFactory::Open(&disk, kDirectory).status()))
        << testing::PrintToString(record);
  }
}

TEST(FileVersionedStoreForeign, AVersionThatGoesBackIsRefused) {
  const std::string two("TVR1\2\0\0\0\0\0\0\0\1k\1v", 16);
  const std::string one("TVR1\1\0\0\0\0\0\0\0\1k\1v", 16);
  for (const bool forward : {true, false}) {
    MemoryDisk disk;
    {
      auto log = CreateOn(&disk);
      ASSERT_TRUE(ClaimAll(log->get()).ok());
      const std::vector<std::string> records =
          forward ? std::vector<std::string>{one, two, two}
                  : std::vector<std::string>{two, one};
      ASSERT_TRUE(Append(log->get(), 1, records).ok());
    }
    const auto status = FileVersionedFactory::Open(&disk, kDirectory).status();
    EXPECT_EQ(status.code(),
              forward ? absl::StatusCode::kOk : absl::StatusCode::kDataLoss);
  }
}

TEST(FileVersionedStorePosix, KeepsRegistersInADirectoryForOneProcess) {
  TempDir dir;
  const std::string path = dir.Sub("locks");
  EXPECT_TRUE(absl::IsNotFound(FileVersionedStore::Open(path).status()));
  {
    auto store = FileVersionedStore::Create(path);
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_EQ(*Set(store->get(), "a", 0, "one"), 1U);
    EXPECT_TRUE(
        absl::IsFailedPrecondition(FileVersionedStore::Open(path).status()));
  }
  EXPECT_TRUE(absl::IsAlreadyExists(FileVersionedStore::Create(path).status()));
  auto store = FileVersionedStore::Open(path);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ(Get(store->get(), "a")->value, "one");
}

}  // namespace
}  // namespace trivet
