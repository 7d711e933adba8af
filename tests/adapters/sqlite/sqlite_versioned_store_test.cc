// SPDX-License-Identifier: Apache-2.0

#include "trivet/adapters/sqlite/sqlite_versioned_store.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/adapters/sqlite/sqlite_fixture.h"
#include "tests/support/temp_dir.h"
#include "trivet/host/versioned_store.h"

namespace trivet {
namespace {

using ::testing::HasSubstr;

class SqliteVersionedStoreTest : public ::testing::Test {
 protected:
  absl::StatusOr<VersionedValue> Get(std::string key) {
    Awaiter<absl::StatusOr<VersionedValue>> answer;
    store_->Get(std::move(key), answer.Done());
    return answer.Wait();
  }
  absl::StatusOr<uint64_t> Set(std::string key, uint64_t version,
                               std::string value) {
    Awaiter<absl::StatusOr<uint64_t>> answer;
    store_->CompareAndSet(std::move(key), version, std::move(value),
                          answer.Done());
    return answer.Wait();
  }

  TempDir folder_;
  const std::string path_ = folder_.Sub("registers.db");
  std::unique_ptr<SqliteVersionedStore> store_ =
      *SqliteVersionedStore::Open(path_);
};

TEST_F(SqliteVersionedStoreTest, SizesAreBounded) {
  const std::string key(SqliteVersionedStore::kKeySizeMax, 'k');
  const std::string value(SqliteVersionedStore::kValueSizeMax, 'v');
  EXPECT_EQ(*Set(key, 0, value), 1U);
  EXPECT_EQ(Get(key)->value, value);
  const absl::Status long_key = Set(key + "k", 0, "").status();
  EXPECT_TRUE(absl::IsInvalidArgument(long_key));
  EXPECT_THAT(std::string(long_key.message()),
              HasSubstr("a key of 4097 bytes; the limit is 4096"));
  EXPECT_TRUE(absl::IsInvalidArgument(Get(key + "k").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Set("x", 0, value + "v").status()));
  EXPECT_EQ(Get("x")->version, 0U);
}

TEST_F(SqliteVersionedStoreTest, ARegisterThatIsNoneIsDamage) {
  EXPECT_EQ(*Set("x", 0, "value"), 1U);
  Connection other(path_);
  for (const char* damage : {"version = 0", "version = -1", "value = 7"}) {
    ASSERT_EQ(other.Run(std::string("UPDATE trivet_register SET ") + damage),
              SQLITE_OK);
    EXPECT_TRUE(absl::IsDataLoss(Get("x").status())) << damage;
    EXPECT_TRUE(absl::IsDataLoss(Set("x", 1, "").status())) << damage;
  }
}

TEST_F(SqliteVersionedStoreTest, AfterItsLastVersionARegisterIsNotWritten) {
  EXPECT_EQ(*Set("x", 0, "value"), 1U);
  Connection other(path_);
  ASSERT_EQ(other.Run("UPDATE trivet_register SET version = " +
                      std::to_string(INT64_MAX)),
            SQLITE_OK);
  EXPECT_TRUE(absl::IsOutOfRange(Set("x", INT64_MAX, "more").status()));
  EXPECT_EQ(Get("x")->value, "value");
  EXPECT_TRUE(absl::IsAborted(Set("x", UINT64_MAX, "more").status()));
}

}  // namespace
}  // namespace trivet
