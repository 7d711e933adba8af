// SPDX-License-Identifier: Apache-2.0
//
// The tests of the file log must find the mistakes that one would make: each is
// planted in the sources, which are compiled into this program with it.

#include <cerrno>
#include <string>
#include <string_view>
#include <thread>

#include "gtest/gtest.h"
#include "src/internal/mutant.h"
#include "tests/adapters/file/crash_explorer.h"
#include "tests/adapters/file/file_log_test_util.h"
#include "tests/adapters/file/memory_disk.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

std::string_view active_mutant;

}  // namespace internal
}  // namespace v0_1

namespace {

class FileLogMutant : public testing::Test {
 protected:
  void TearDown() override { internal::active_mutant = {}; }
  void Plant(std::string_view name) { internal::active_mutant = name; }

  // What the explorer says of the log with the planted bug.
  std::string Explore(std::string_view name) {
    Plant(name);
    CrashExplorer explorer;
    const std::string found = explorer.PowerLosses(20);
    RecordProperty("states_to_find", std::to_string(explorer.states()));
    return found;
  }
};

TEST_F(FileLogMutant, TheExplorerFindsNothingInTheLogItself) {
  EXPECT_EQ(Explore(""), "");
}

TEST_F(FileLogMutant, TheExplorerFindsAnEarlyAcknowledgement) {
  EXPECT_NE(Explore("file_log_acknowledges_early"), "");
}

TEST_F(FileLogMutant, TheExplorerFindsANewSegmentThatWasNotSynced) {
  EXPECT_NE(Explore("file_log_no_sync_of_new_segment"), "");
}

TEST_F(FileLogMutant, TheExplorerFindsADirectoryThatWasNotSynced) {
  EXPECT_NE(Explore("file_log_no_directory_sync"), "");
}

TEST_F(FileLogMutant, TheExplorerFindsASegmentLeftUnsynced) {
  EXPECT_NE(Explore("file_log_rolls_without_sync"), "");
}

TEST_F(FileLogMutant, TheExplorerFindsATornTailTakenForDamage) {
  EXPECT_NE(Explore("file_log_torn_tail_is_damage"), "");
}

TEST_F(FileLogMutant, AFlippedBitFindsDamageTakenForATornTail) {
  for (const bool planted : {false, true}) {
    internal::active_mutant = {};
    MemoryDisk disk;
    auto log = CreateOn(&disk);
    ASSERT_TRUE(ClaimAll(log->get()).ok());
    ASSERT_TRUE(Append(log->get(), 1, {"forced"}).ok());
    log->reset();
    const std::string name = "0000000000000002.log";
    std::string bytes = disk.Contents(kDirectory, name);
    bytes[bytes.find("forced")] ^= 1;
    disk.SetContents(kDirectory, name, bytes);
    if (planted) Plant("file_log_bit_rot_is_torn_tail");
    EXPECT_EQ(Recover(&disk).ok(), planted);
  }
}

TEST_F(FileLogMutant, AFailedSyncFindsThatItIsIgnored) {
  for (const bool planted : {false, true}) {
    internal::active_mutant = {};
    MemoryDisk disk;
    auto log = CreateOn(&disk);
    ASSERT_TRUE(ClaimAll(log->get()).ok());
    if (planted) Plant("file_log_ignores_failed_sync");
    disk.FailCall(2, EIO);
    EXPECT_EQ(Append(log->get(), 1, {"a"}).ok(), planted);
  }
}

TEST_F(FileLogMutant, ASecondClaimFindsAnAppendThatIsNotFenced) {
  for (const bool planted : {false, true}) {
    internal::active_mutant = {};
    MemoryDisk disk;
    auto log = CreateOn(&disk);
    ASSERT_EQ(ClaimAll(log->get())->epoch, 1U);
    ASSERT_EQ(ClaimAll(log->get())->epoch, 2U);
    if (planted) Plant("file_log_append_not_fenced");
    EXPECT_EQ(Append(log->get(), 1, {"a"}).ok(), planted);
  }
}

}  // namespace
}  // namespace trivet
