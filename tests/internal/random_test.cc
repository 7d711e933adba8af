// SPDX-License-Identifier: Apache-2.0

#include "src/internal/random.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <set>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/fork.h"

namespace trivet {
namespace internal {
namespace {

TEST(Random, UniqueIdIs32LowerCaseHexadecimalDigits) {
  const std::string id = UniqueId();
  EXPECT_EQ(id.size(), 32U);
  EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos) << id;
}

TEST(Random, IdsAndSeedsDoNotRepeat) {
  std::set<std::string> ids;
  std::set<uint64_t> seeds;
  for (int i = 0; i < 10000; ++i) {
    ids.insert(UniqueId());
    seeds.insert(RandomSeed());
  }
  EXPECT_EQ(ids.size(), 10000U);
  EXPECT_EQ(seeds.size(), 10000U);
}

// Of 128 bits none is stuck: a thousand draws show each both ways.
TEST(Random, EveryBitOfASeedMoves) {
  uint64_t ever_set = 0;
  uint64_t ever_clear = 0;
  for (int i = 0; i < 1000; ++i) {
    const uint64_t seed = RandomSeed();
    ever_set |= seed;
    ever_clear |= ~seed;
  }
  EXPECT_EQ(ever_set, UINT64_MAX);
  EXPECT_EQ(ever_clear, UINT64_MAX);
}

TEST(Random, AForkedChildDrawsOtherIdsThanItsParent) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const std::string id = UniqueId();
    const ssize_t wrote = write(ends[1], id.data(), id.size());
    ExitChild(wrote == 32 ? 0 : 1);
  }
  const std::string ours = UniqueId();
  std::string theirs(32, '\0');
  EXPECT_EQ(read(ends[0], theirs.data(), theirs.size()), 32);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_NE(ours, theirs);
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace internal
}  // namespace trivet
