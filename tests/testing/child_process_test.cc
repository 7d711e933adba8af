// SPDX-License-Identifier: Apache-2.0

#include "src/internal/child_process.h"

#include <sys/types.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace trivet {
namespace {

using internal::ChildProcesses;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr absl::Duration kPatience = absl::Seconds(60);

void LoopForever() {
  const volatile bool forever = true;
  while (forever) {
  }
}

// All news of a child that ends.
struct Life {
  std::vector<std::string> told;
  ChildProcesses::News end;
};

std::map<uint64_t, Life> AwaitAll(ChildProcesses* children) {
  std::map<uint64_t, Life> lives;
  while (children->running() > 0) {
    ChildProcesses::News news = children->Await();
    Life& life = lives[news.key];
    if (news.told.has_value()) {
      life.told.push_back(*news.told);
    } else {
      life.end = news;
    }
  }
  return lives;
}

TEST(ChildProcesses, WhatIsToldArrivesWholeAndInOrderHoweverLarge) {
  const std::string large(size_t{3} << 20, '\n');
  ChildProcesses children(kPatience);
  for (const uint64_t key : {3U, 5U}) {
    ASSERT_TRUE(children
                    .Start(key,
                           [&](const ChildProcesses::Parent& parent) {
                             parent.Tell("");
                             std::fputs("no line", stderr);
                             parent.Tell(large);
                             parent.Tell(std::to_string(key));
                           })
                    .ok());
  }
  std::map<uint64_t, Life> lives = AwaitAll(&children);
  ASSERT_EQ(lives.size(), 2U);
  for (const auto& [key, life] : lives) {
    EXPECT_THAT(life.told, ElementsAre("", large, std::to_string(key)));
    EXPECT_EQ(life.end.said, "no line");
    EXPECT_EQ(life.end.died, "");
  }
}

TEST(ChildProcesses, OfADeathWhatWasToldAndNotedIsKnown) {
  ChildProcesses children(kPatience);
  ASSERT_TRUE(children
                  .Start(0,
                         [](const ChildProcesses::Parent& parent) {
                           parent.Note("forgotten");
                           parent.ForgetNotes();
                           parent.Tell("told");
                           parent.Note("a");
                           parent.Note("b");
                           std::abort();
                         })
                  .ok());
  const Life life = AwaitAll(&children)[0];
  EXPECT_THAT(life.told, ElementsAre("told"));
  EXPECT_THAT(life.end.notes, ElementsAre("a", "b"));
  EXPECT_EQ(life.end.died, "signal 6");
  EXPECT_FALSE(life.end.late);
}

TEST(ChildProcesses, NotesAreTakenAsLongAsThereIsRoom) {
  const std::string half(size_t{600} << 10, 'x');
  ChildProcesses children(kPatience);
  ASSERT_TRUE(children
                  .Start(0,
                         [&](const ChildProcesses::Parent& parent) {
                           parent.Note(half);
                           parent.Note(half);
                           parent.Note("small");  // It is not the next.
                         })
                  .ok());
  ASSERT_TRUE(children
                  .Start(1,
                         [&](const ChildProcesses::Parent& parent) {
                           parent.Note(half);
                           parent.Note(half);
                           parent.ForgetNotes();
                           parent.Note("small");
                         })
                  .ok());
  auto lives = AwaitAll(&children);
  ASSERT_EQ(lives[0].end.notes.size(), 1U);
  EXPECT_TRUE(lives[0].end.notes[0] == half);
  EXPECT_THAT(lives[1].end.notes, ElementsAre("small"));
}

TEST(ChildProcesses, OneWhoseTimeIsOverIsKilled) {
  ChildProcesses children(absl::Milliseconds(200));
  ASSERT_TRUE(children
                  .Start(1,
                         [](const ChildProcesses::Parent& parent) {
                           parent.Note("stuck");
                           LoopForever();
                         })
                  .ok());
  const Life life = AwaitAll(&children)[1];
  EXPECT_TRUE(life.end.late);
  EXPECT_EQ(life.end.died, "signal 9");
  EXPECT_THAT(life.end.notes, ElementsAre("stuck"));
}

TEST(ChildProcesses, TheLimitBeginsAnewWhenTimeIsGivenHoweverMuchIsTold) {
  const absl::Duration limit = absl::Seconds(1);
  ChildProcesses children(limit);
  ASSERT_TRUE(children
                  .Start(0,
                         [](const ChildProcesses::Parent& parent) {
                           while (true) parent.Tell("on and on");
                         })
                  .ok());
  const absl::Time start = absl::Now();
  while (absl::Now() < start + 1.5 * limit) {
    ASSERT_TRUE(children.Await().told.has_value());
    children.GiveTime(0);
  }
  EXPECT_TRUE(AwaitAll(&children)[0].end.late);
}

// As after system("helper &"): the helper has the child's stderr.
TEST(ChildProcesses, AChildEndsThoughAHelperOfItsKeepsItsPipes) {
  ChildProcesses children(kPatience);
  ASSERT_TRUE(children
                  .Start(0,
                         [](const ChildProcesses::Parent& parent) {
                           const pid_t helper = fork();
                           if (helper == 0) LoopForever();
                           std::fputs("said", stderr);
                           parent.Tell(std::to_string(helper));
                         })
                  .ok());
  const Life life = AwaitAll(&children)[0];
  ASSERT_EQ(life.told.size(), 1U);
  EXPECT_EQ(kill(std::stoi(life.told.front()), SIGKILL), 0) << "it had ended";
  EXPECT_EQ(life.end.died, "");
  EXPECT_EQ(life.end.said, "said");
  EXPECT_FALSE(life.end.late);
}

TEST(ChildProcesses, OneThatHasClosedItsPipesIsNotWaitedForForever) {
  ChildProcesses children(absl::Milliseconds(200));
  ASSERT_TRUE(children
                  .Start(0,
                         [](const ChildProcesses::Parent&) {
                           for (int i = 0; i < 1000; ++i) close(i);
                           LoopForever();
                         })
                  .ok());
  EXPECT_TRUE(AwaitAll(&children)[0].end.late);
}

TEST(ChildProcesses, HowOneEndsIsKnownThoughTheProgramIgnoredThat) {
  ASSERT_NE(std::signal(SIGCHLD, SIG_IGN), SIG_ERR);
  ChildProcesses children(kPatience);
  ASSERT_TRUE(
      children.Start(0, [](const ChildProcesses::Parent&) { _exit(9); }).ok());
  EXPECT_EQ(AwaitAll(&children)[0].end.died, "exit status 9");
}

TEST(ChildProcesses, OfVeryMuchThatIsSaidTheEndIsKept) {
  ChildProcesses children(kPatience);
  ASSERT_TRUE(children
                  .Start(0,
                         [](const ChildProcesses::Parent&) {
                           const std::string line(999, 'x');
                           for (int i = 0; i < 10000; ++i) {
                             std::fprintf(stderr, "%s\n", line.c_str());
                           }
                           std::fputs("the end", stderr);
                         })
                  .ok());
  const std::string said = AwaitAll(&children)[0].end.said;
  EXPECT_LT(said.size(), size_t{3} << 20);
  EXPECT_THAT(said, StartsWith("[...]"));
  EXPECT_THAT(said, EndsWith("x\nthe end"));
}

TEST(ChildProcesses, ThoseAboveAKeyEndUnheard) {
  ChildProcesses children(kPatience);
  for (const uint64_t key : {1U, 2U, 3U}) {
    ASSERT_TRUE(children
                    .Start(key,
                           [&](const ChildProcesses::Parent& parent) {
                             if (key > 1) LoopForever();
                             parent.Tell("one");
                           })
                    .ok());
  }
  children.KillAbove(1);
  EXPECT_EQ(children.running(), 1U);
  const std::map<uint64_t, Life> lives = AwaitAll(&children);
  ASSERT_EQ(lives.size(), 1U);
  EXPECT_THAT(lives.at(1).told, ElementsAre("one"));
  EXPECT_THAT(lives.at(1).end.notes, IsEmpty());
}

}  // namespace
}  // namespace trivet
