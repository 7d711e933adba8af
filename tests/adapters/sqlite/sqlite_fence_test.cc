// SPDX-License-Identifier: Apache-2.0

#include "trivet/adapters/sqlite/sqlite_fence.h"

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/adapters/sqlite/sqlite_fixture.h"
#include "tests/support/temp_dir.h"
#include "trivet/lock/fencing_token.h"

namespace trivet {
namespace {

using ::testing::HasSubstr;

class SqliteFenceTest : public ::testing::Test {
 protected:
  SqliteFenceTest() {
    EXPECT_EQ(db_.Run("CREATE TABLE report (text TEXT)"), SQLITE_OK);
  }

  // A writer, as the header shows it.
  absl::Status Write(FencingToken token, const std::string& text,
                     std::string_view resource = "report") {
    EXPECT_EQ(db_.Run("BEGIN IMMEDIATE"), SQLITE_OK);
    absl::Status admitted = AdmitInSqlite(db_.get(), resource, token);
    if (admitted.ok()) {
      EXPECT_EQ(db_.Run("INSERT INTO report VALUES ('" + text + "')"),
                SQLITE_OK);
    }
    EXPECT_EQ(db_.Run(admitted.ok() ? "COMMIT" : "ROLLBACK"), SQLITE_OK);
    return admitted;
  }

  TempDir folder_;
  Connection db_{folder_.Sub("app.db")};
};

TEST_F(SqliteFenceTest, AStaleWriterIsRefused) {
  EXPECT_TRUE(Write({0, 33}, "first").ok());
  EXPECT_TRUE(Write({0, 33}, "again").ok());
  EXPECT_TRUE(Write({0, 34}, "the next holder").ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(Write({0, 33}, "stale")));
  EXPECT_TRUE(Write({0, 34}, "goes on").ok());
  // Each resource has a gate of its own.
  EXPECT_TRUE(Write({0, 1}, "other", std::string_view("oth\0r", 5)).ok());
}

TEST_F(SqliteFenceTest, AnotherGenerationIsForAPersonToDecide) {
  EXPECT_TRUE(Write({7, 33}, "first").ok());
  EXPECT_TRUE(absl::IsAborted(Write({8, 34}, "rebuilt")));
  EXPECT_TRUE(Write({7, 34}, "as before").ok());
  EXPECT_TRUE(Write({UINT64_MAX, 1}, "far", "far").ok());
  EXPECT_TRUE(Write({UINT64_MAX, 2}, "far", "far").ok());
}

TEST_F(SqliteFenceTest, WhatWasRolledBackWasNotAdmitted) {
  EXPECT_EQ(db_.Run("BEGIN IMMEDIATE"), SQLITE_OK);
  EXPECT_TRUE(AdmitInSqlite(db_.get(), "report", {0, 50}).ok());
  EXPECT_EQ(db_.Run("ROLLBACK"), SQLITE_OK);
  EXPECT_TRUE(Write({0, 49}, "fine").ok());
}

TEST_F(SqliteFenceTest, WithoutATransactionThereIsNoGate) {
  const absl::Status status = AdmitInSqlite(db_.get(), "report", {0, 1});
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("no transaction is open"));
}

TEST_F(SqliteFenceTest, WhatIsNoTokenIsRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(Write({0, 0}, "nobody's")));
  const absl::Status large = Write({0, uint64_t{1} << 63}, "too large");
  EXPECT_TRUE(absl::IsInvalidArgument(large));
  EXPECT_THAT(std::string(large.message()), HasSubstr("9223372036854775807"));
  EXPECT_TRUE(Write({0, (uint64_t{1} << 63) - 1}, "the largest").ok());
}

// What the header says to programs in other languages.
TEST_F(SqliteFenceTest, TheStatementsAloneAdmitTheSame) {
  EXPECT_EQ(
      db_.Run("CREATE TABLE IF NOT EXISTS trivet_fence (resource BLOB PRIMARY "
              "KEY, generation INTEGER NOT NULL, token INTEGER NOT NULL) "
              "WITHOUT ROWID"),
      SQLITE_OK);
  sqlite3_stmt* statement = nullptr;
  ASSERT_EQ(
      sqlite3_prepare_v2(
          db_.get(),
          "INSERT INTO trivet_fence "
          "SELECT CAST(:resource AS BLOB), :generation, :token "
          "WHERE :token > 0 "
          "ON CONFLICT (resource) DO UPDATE SET token = excluded.token "
          "WHERE generation = excluded.generation AND token <= excluded.token",
          -1, &statement, nullptr),
      SQLITE_OK);
  const auto admit = [&](int generation, int token) {
    const int before = sqlite3_total_changes(db_.get());
    sqlite3_bind_text(statement, 1, "report", -1, SQLITE_STATIC);
    sqlite3_bind_int(statement, 2, generation);
    sqlite3_bind_int(statement, 3, token);
    EXPECT_EQ(sqlite3_step(statement), SQLITE_DONE);
    sqlite3_reset(statement);
    return sqlite3_total_changes(db_.get()) > before;
  };
  EXPECT_FALSE(admit(0, 0));
  EXPECT_FALSE(admit(0, -1));
  EXPECT_TRUE(admit(0, 5));
  EXPECT_TRUE(admit(0, 5));
  EXPECT_FALSE(admit(0, 4));
  EXPECT_TRUE(absl::IsFailedPrecondition(Write({0, 4}, "stale")));
  EXPECT_FALSE(admit(1, 6));
  EXPECT_TRUE(Write({0, 6}, "next").ok());
  EXPECT_FALSE(admit(0, 5));
  sqlite3_finalize(statement);
}

}  // namespace
}  // namespace trivet
