// SPDX-License-Identifier: Apache-2.0
//
// A disk that fails under a FileVersionedStore. Every n-th system call of
// opening, reading, writing and compacting is made to fail; the store tells it
// and stops, and the next one has every version that was acknowledged.

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "src/adapters/file/file_log_factory.h"
#include "tests/adapters/file/file_log_test_util.h"
#include "tests/adapters/file/memory_disk.h"
#include "tests/support/real_time.h"
#include "trivet/adapters/file/file_versioned_store.h"
#include "trivet/host/versioned_store.h"

namespace trivet {
namespace {

using internal::FileVersionedFactory;
using testing::AnyOf;
using testing::ContainsRegex;

// Large, so that a few of them make the store compact its log.
std::string Busy(uint64_t version) {
  if (version == 0) return "";
  return std::to_string(version) + std::string(200'000, 'v');
}

// What the world was told of the register that is written.
struct Told {
  uint64_t issued = 0;        // The highest version asked for.
  uint64_t acknowledged = 0;  // And the highest one seen, or written.
};

class Operations {
 public:
  Operations(VersionedStore* store, int error, Told* told)
      : store_(*store), error_(error), told_(*told) {}

  void Read() {
    Awaiter<absl::StatusOr<VersionedValue>> answer;
    store_.Get("busy", answer.Done());
    const auto got = answer.Wait();
    if (!Succeeded(got.status())) return;
    EXPECT_GE(got->version, told_.acknowledged);
    EXPECT_EQ(got->value, Busy(got->version));
    told_.acknowledged = got->version;
  }

  void Write() {
    Awaiter<absl::StatusOr<uint64_t>> answer;
    told_.issued = told_.acknowledged + 1;
    store_.CompareAndSet("busy", told_.acknowledged, Busy(told_.issued),
                         answer.Done());
    const auto version = answer.Wait();
    if (Succeeded(version.status())) told_.acknowledged = *version;
  }

  bool have_failed() const { return have_failed_; }

 private:
  // After one that failed, all fail.
  bool Succeeded(const absl::Status& status) {
    EXPECT_FALSE(have_failed_ && status.ok());
    if (status.ok()) return true;
    have_failed_ = true;
    const absl::StatusCode code = error_ == ENOSPC
                                      ? absl::StatusCode::kResourceExhausted
                                      : absl::StatusCode::kUnavailable;
    EXPECT_THAT(status.code(), AnyOf(code, absl::StatusCode::kUnavailable));
    EXPECT_THAT(std::string(status.message()),
                ContainsRegex("cannot [a-z ]+ 'log(/[a-z0-9.-]+)?': "));
    return false;
  }

  VersionedStore& store_;
  const int error_;
  Told& told_;
  bool have_failed_ = false;
};

// Opens the store and has it do everything, whatever becomes of it.
void LiveOnce(MemoryDisk* disk, int error, Told* told) {
  auto store = FileVersionedFactory::Open(disk, kDirectory);
  if (!store.ok()) {
    EXPECT_THAT(std::string(store.status().message()), ContainsRegex("'log"));
    return;
  }
  Operations operations(store->get(), error, told);
  operations.Read();
  for (int i = 0; i < 8; ++i) operations.Write();
  operations.Read();
}

void ExpectKept(MemoryDisk* disk, const Told& told) {
  auto store = FileVersionedFactory::Open(disk, kDirectory);
  ASSERT_TRUE(store.ok()) << store.status();
  for (const char* key : {"quiet", "busy"}) {
    Awaiter<absl::StatusOr<VersionedValue>> answer;
    (*store)->Get(key, answer.Done());
    const auto got = answer.Wait();
    ASSERT_TRUE(got.ok()) << got.status();
    if (key == std::string("quiet")) {
      EXPECT_EQ(got->version, 1U);
      EXPECT_EQ(got->value, "kept");
      continue;
    }
    EXPECT_GE(got->version, told.acknowledged) << "an acknowledged write lost";
    EXPECT_LE(got->version, told.issued);
    EXPECT_TRUE(got->value == Busy(got->version));
  }
}

MemoryDisk::State Prepare() {
  MemoryDisk disk;
  auto store = FileVersionedFactory::Create(&disk, kDirectory);
  EXPECT_TRUE(store.ok()) << store.status();
  Awaiter<absl::StatusOr<uint64_t>> answer;
  (*store)->CompareAndSet("quiet", 0, "kept", answer.Done());
  EXPECT_EQ(*answer.Wait(), 1U);
  store->reset();
  return disk.state();
}

class FileVersionedStoreFaults : public testing::TestWithParam<int> {};

TEST_P(FileVersionedStoreFaults, AnyCallMayFailAndNoAcknowledgedWriteIsLost) {
  const MemoryDisk::State before = Prepare();
  MemoryDisk whole(before);
  Told all;
  LiveOnce(&whole, 0, &all);
  EXPECT_EQ(all.acknowledged, 8U);
  // The claim's segment alone has the number 2, and most was compacted away.
  EXPECT_THAT(whole.Names(kDirectory),
              testing::Not(testing::Contains("0000000000000002.log")));
  for (uint64_t n = 1; n <= whole.calls(); ++n) {
    SCOPED_TRACE("call " + std::to_string(n));
    MemoryDisk disk(before);
    disk.FailCall(n, GetParam());
    Told told;
    LiveOnce(&disk, GetParam(), &told);
    EXPECT_EQ(disk.open_descriptors(), 0U);
    disk.FailCall(UINT64_MAX / 2, EIO);  // The last calls may not have come.
    for (const uint64_t seed : {0U, 2U}) {
      MemoryDisk after(MemoryDisk::PowerLoss(disk.state(), seed));
      ExpectKept(&after, told);
    }
    ExpectKept(&disk, told);
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Errors, FileVersionedStoreFaults,
                         testing::Values(EIO, ENOSPC));

}  // namespace
}  // namespace trivet
