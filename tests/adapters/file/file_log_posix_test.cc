// SPDX-License-Identifier: Apache-2.0
//
// The file log on a real file system: who may open it, what it leaves there.

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/adapters/file/file_log_test_util.h"
#include "tests/support/fork.h"
#include "tests/support/temp_dir.h"
#include "trivet/adapters/file/file_log_store.h"
#include "trivet/host/log_store.h"

namespace trivet {
namespace {

using testing::HasSubstr;

mode_t ModeOf(const std::string& path) {
  struct stat found = {};
  EXPECT_EQ(stat(path.c_str(), &found), 0) << path;
  return found.st_mode & 07777;
}

class FileLogPosix : public testing::Test {
 protected:
  std::unique_ptr<FileLogStore> Create() {
    auto log = FileLogStore::Create(path_, SmallSegments());
    EXPECT_TRUE(log.ok()) << log.status();
    return *std::move(log);
  }
  absl::Status Open() {
    return FileLogStore::Open(path_, SmallSegments()).status();
  }

  TempDir dir_;
  const std::string path_ = dir_.Sub("log");
};

TEST_F(FileLogPosix, KeepsRecordsOnARealDisk) {
  Records expected;
  {
    auto log = FileLogStore::Create(path_ + "//");
    ASSERT_TRUE(log.ok()) << log.status();
    ASSERT_TRUE(ClaimAll(log->get()).ok());
    for (LogIndex i = 1; i <= 100; ++i) {
      const std::string record(i * 7, static_cast<char>(i));
      ASSERT_EQ(*Append(log->get(), 1, {record}), i);
      expected.emplace_back(i, record);
    }
  }
  auto log = FileLogStore::Open(path_);
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_EQ(ClaimAll(log->get())->records, expected);
}

TEST_F(FileLogPosix, CreatesOnlyTheLastComponentOfThePath) {
  EXPECT_EQ(FileLogStore::Create(dir_.Sub("no/log")).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(dir_.Sub("no")));
}

TEST_F(FileLogPosix, FilesAndDirectoryAreTheOwnersAlone) {
  const mode_t before = umask(0);
  auto log = Create();
  ASSERT_TRUE(ClaimAll(log.get()).ok());
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(Append(log.get(), 1, {std::string(1000, 'r')}).ok());
  }
  umask(before);
  EXPECT_EQ(ModeOf(path_), 0700U);
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    EXPECT_EQ(ModeOf(entry.path()), 0600U) << entry.path();
    ++files;
  }
  EXPECT_GT(files, 3);
}

TEST_F(FileLogPosix, IsOpenOnceInTheWorld) {
  auto log = Create();
  EXPECT_EQ(Open().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(Open().message()), HasSubstr("in use"));
  EXPECT_EQ(FileLogStore::Create(path_).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(InChild([&] { return absl::IsFailedPrecondition(Open()); }));
  log.reset();
  EXPECT_TRUE(Open().ok());
  EXPECT_TRUE(InChild([&] { return Open().ok(); }));
}

// A child that lives on after its parent has died must not keep the lock.
TEST_F(FileLogPosix, AForkedChildDoesNotHoldTheLock) {
  auto log = Create();
  int to_parent[2];
  int to_child[2];
  ASSERT_EQ(pipe(to_parent), 0);
  ASSERT_EQ(pipe(to_child), 0);
  const pid_t child = fork();
  char byte = 0;
  if (child == 0) {
    close(to_child[1]);
    const bool told = write(to_parent[1], &byte, 1) == 1;
    const bool ended = read(to_child[0], &byte, 1) == 0;
    ExitChild(told && ended ? 0 : 1);
  }
  ASSERT_EQ(read(to_parent[0], &byte, 1), 1) << "the child is alive";
  EXPECT_FALSE(Open().ok()) << "the parent still has it";
  log.reset();
  EXPECT_TRUE(Open().ok()) << Open();
  for (const int end : {to_child[0], to_child[1], to_parent[0], to_parent[1]}) {
    close(end);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST_F(FileLogPosix, AForkedChildLeavesTheParentItsLog) {
  auto log = Create();
  ASSERT_TRUE(ClaimAll(log.get()).ok());
  EXPECT_TRUE(InChild([] { return true; }));
  EXPECT_FALSE(Open().ok()) << "the end of the child unlocked the log";
  EXPECT_TRUE(Append(log.get(), 1, {"a"}).ok());
}

TEST_F(FileLogPosix, AProcessKilledMidwayLeavesALogThatOpens) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    auto log = Create();
    bool good = ClaimAll(log.get()).ok();
    for (char i = 0; good; ++i) {
      good = Append(log.get(), 1, {std::string(500, 'r')}).ok() &&
             write(ends[1], &i, 1) == 1;
    }
    ExitChild(1);
  }
  close(ends[1]);
  constexpr size_t kProgress = 20;  // Lines of it, then the kill.
  size_t acknowledged = 0;
  char byte;
  while (read(ends[0], &byte, 1) == 1) {
    if (++acknowledged == kProgress) kill(child, SIGKILL);
  }
  EXPECT_GE(acknowledged, kProgress);
  close(ends[0]);
  waitpid(child, nullptr, 0);
  auto log = FileLogStore::Open(path_, SmallSegments());
  ASSERT_TRUE(log.ok()) << log.status();
  const auto claimed = ClaimAll(log->get());
  ASSERT_TRUE(claimed.ok()) << claimed.status();
  EXPECT_GE(claimed->records.size(), acknowledged);
}

TEST_F(FileLogPosix, FollowsNoSymbolicLink) {
  Create().reset();
  const std::string segment = path_ + "/0000000000000001.log";
  const std::string elsewhere = dir_.Sub("elsewhere");
  std::filesystem::rename(segment, elsewhere);
  std::filesystem::create_symlink(elsewhere, segment);
  EXPECT_EQ(Open().code(), absl::StatusCode::kPermissionDenied);

  std::filesystem::remove(segment);
  std::filesystem::rename(elsewhere, segment);
  ASSERT_TRUE(Open().ok());
  std::filesystem::rename(path_ + "/lock", elsewhere);
  std::filesystem::create_symlink(elsewhere, path_ + "/lock");
  EXPECT_EQ(Open().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(FileLogPosix, WritesThroughNoSymbolicLink) {
  auto log = Create();
  const std::string victim = dir_.Sub("victim");
  close(open(victim.c_str(), O_CREAT | O_WRONLY, 0600));
  std::filesystem::create_symlink(victim, path_ + "/trivet-segment.new");
  EXPECT_TRUE(ClaimAll(log.get()).ok()) << "the link is removed like any file";
  EXPECT_EQ(std::filesystem::file_size(victim), 0U);
}

TEST_F(FileLogPosix, ASegmentThatIsNoRegularFileIsRefused) {
  Create().reset();
  const std::string segment = path_ + "/0000000000000001.log";
  std::filesystem::remove(segment);
  ASSERT_EQ(mkfifo(segment.c_str(), 0600), 0);
  EXPECT_FALSE(Open().ok()) << "and does not hang";
  std::filesystem::remove(segment);
  std::filesystem::create_directory(segment);
  EXPECT_FALSE(Open().ok());
}

TEST_F(FileLogPosix, ALogOfAnotherUserIsRefused) {
  const passwd* const nobody = getpwnam("nobody");
  if (geteuid() != 0 || nobody == nullptr) {
    GTEST_SKIP() << "only root can become somebody else";
  }
  Create().reset();
  std::filesystem::permissions(dir_.path(), std::filesystem::perms::all);
  const uid_t uid = nobody->pw_uid;
  const auto open_as_nobody = [&] {
    return setuid(uid) == 0 && absl::IsPermissionDenied(Open());
  };
  EXPECT_TRUE(InChild(open_as_nobody));
  // Not even with the directory open to all.
  std::filesystem::permissions(path_, std::filesystem::perms::all);
  EXPECT_TRUE(InChild(open_as_nobody));
}

TEST_F(FileLogPosix, NoRoomForASegmentIsReportedAndHealed) {
  EXPECT_TRUE(InChild([&] {
    signal(SIGXFSZ, SIG_IGN);
    auto log = Create();
    if (!ClaimAll(log.get()).ok()) return false;
    rlimit limit = {3000, RLIM_INFINITY};  // Less than a segment.
    setrlimit(RLIMIT_FSIZE, &limit);
    absl::Status status;
    for (int i = 0; i < 10 && status.ok(); ++i) {
      status = Append(log.get(), 1, {std::string(1000, 'r')}).status();
    }
    if (status.code() != absl::StatusCode::kResourceExhausted) return false;
    if (ClaimAll(log.get()).ok()) return false;
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &limit);
    const auto claimed = ClaimAll(log.get());
    return claimed.ok() && Append(log.get(), claimed->epoch, {"a"}).ok();
  }));
}

TEST_F(FileLogPosix, DescriptorsAreClosedByExec) {
  auto log = Create();
  ASSERT_TRUE(ClaimAll(log.get()).ok());
  int open_files = 0;
  for (int fd = 3; fd < 256; ++fd) {
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(link, gone);
    if (gone || target.string().find(path_) != 0) continue;
    EXPECT_NE(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0) << target;
    ++open_files;
  }
  EXPECT_EQ(open_files, 3) << "directory, lock and segment";
}

}  // namespace
}  // namespace trivet
