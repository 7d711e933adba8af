// SPDX-License-Identifier: Apache-2.0
//
// The files that --scripts makes.

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "src/internal/transcript.h"
#include "trivet/testing/history.h"
#include "trivet/testing/sim_host.h"
#include "trivet/testing/sim_main.h"
#include "trivet/testing/simulation.h"
#include "trivet/testing/violations.h"

namespace trivet {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::History;
using testing::HistoryOptions;
using ::testing::IsEmpty;
using ::testing::Pair;
using testing::SimHost;
using testing::SimMain;
using testing::Simulation;
using testing::Violations;

// Two hosts whose programs write something down; one starts twice. Seed 7 fails
// and seed 8 ends the process.
History RunRoles(const HistoryOptions& options) {
  Simulation sim(options, {});
  const auto boot = [](SimHost& host) {
    std::shared_ptr<internal::Transcript> transcript =
        internal::NewTranscript("a role");
    const auto add = [transcript](const std::string& line) {
      if (transcript != nullptr) transcript->Add(line + "\n");
    };
    add("begins");
    host.executor()->PostAt(
        host.executor()->Now() + absl::Seconds(1), [transcript, add] {
          add(transcript != nullptr ? transcript->Now() : "");
        });
    return std::make_shared<int>();
  };
  sim.AddHost("one", boot);
  sim.AddHost("two", boot);
  sim.RunFor(absl::Seconds(2));
  if (options.seed == 8) std::abort();
  sim.FindHost("one")->Crash();
  if (options.seed != 9) sim.FindHost("one")->Restart();
  Violations violations;
  if (options.seed == 7) violations.Add("Seven", "is unlucky");
  return sim.Report(violations);
}

class SimScriptsTest : public ::testing::Test {
 protected:
  SimScriptsTest() { std::filesystem::remove_all(folder_); }
  ~SimScriptsTest() override { std::filesystem::remove_all(folder_); }

  int Main(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "sim");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    const int result = SimMain(static_cast<int>(argv.size()), argv.data(),
                               {{"roles", RunRoles}});
    out_ = ::testing::internal::GetCapturedStdout();
    err_ = ::testing::internal::GetCapturedStderr();
    return result;
  }

  std::map<std::string, std::string> Files(const std::string& history) {
    std::map<std::string, std::string> files;
    const std::string path = folder_ + "/" + history;
    if (!std::filesystem::exists(path)) return files;
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      std::ifstream file(entry.path());
      files[entry.path().filename().string()] =
          std::string(std::istreambuf_iterator<char>(file),
                      std::istreambuf_iterator<char>());
    }
    return files;
  }

  const std::string folder_ =
      ::testing::TempDir() + "/sim_scripts_test." + std::to_string(::getpid());
  std::string out_;
  std::string err_;
};

TEST_F(SimScriptsTest, EachStartOfEachRoleHasAFile) {
  EXPECT_EQ(Main({"roles", "--seeds", "1", "--scripts", folder_}), 0);
  EXPECT_THAT(
      Files("roles-1"),
      ElementsAre(
          Pair("001_a_role_on_one.txt",
               "# Seed 1, at 0.000000s: opened on one, start 1.\nbegins\n"
               "1.000000s\n"),
          Pair("002_a_role_on_two.txt",
               "# Seed 1, at 0.000000s: opened on two, start 1.\nbegins\n"
               "1.000000s\n"),
          Pair("003_a_role_on_one.txt",
               "# Seed 1, at 2.000000s: opened on one, start 2.\nbegins\n")));
}

TEST_F(SimScriptsTest, OfASweepTheHistoryThatFails) {
  EXPECT_EQ(Main({"roles", "--seeds", "1-7", "--scripts", folder_}), 1);
  EXPECT_EQ(Files("roles-7").size(), 3u);
  EXPECT_THAT(Files("roles-1"), IsEmpty());
}

TEST_F(SimScriptsTest, NothingIsLeftOfAnEarlierRun) {
  std::filesystem::create_directories(folder_ + "/roles-9");
  std::ofstream(folder_ + "/roles-9/003_a_role_on_one.txt") << "earlier";
  std::ofstream(folder_ + "/roles-9/mine.md") << "kept";
  EXPECT_EQ(Main({"roles", "--seeds", "9", "--scripts", folder_}), 0);
  EXPECT_EQ(Files("roles-9").count("003_a_role_on_one.txt"), 0u);
  EXPECT_EQ(Files("roles-9").count("001_a_role_on_one.txt"), 1u);
  EXPECT_EQ(Files("roles-9").count("mine.md"), 1u);
}

TEST_F(SimScriptsTest, WhatAHistoryThatEndsItsProcessHasDoneIsThere) {
  EXPECT_EQ(Main({"roles", "--seeds", "8", "--scripts", folder_}), 1);
  EXPECT_EQ(Files("roles-8")["002_a_role_on_two.txt"],
            "# Seed 8, at 0.000000s: opened on two, start 1.\nbegins\n"
            "1.000000s\n");
}

TEST_F(SimScriptsTest, AFolderThatCannotBeMadeIsAnErrorAtOnce) {
  std::ofstream(folder_) << "a file";
  EXPECT_EQ(Main({"roles", "--seeds", "1", "--scripts", folder_}), 2);
  EXPECT_THAT(err_, HasSubstr("cannot make the folder " + folder_));
  EXPECT_THAT(out_, IsEmpty());
}

TEST_F(SimScriptsTest, WhereAHistorysOwnFolderCannotBeMadeItDoesNotRun) {
  std::filesystem::create_directories(folder_);
  std::ofstream(folder_ + "/roles-7") << "a file";
  EXPECT_EQ(Main({"roles", "--seeds", "7", "--scripts", folder_}), 2);
  EXPECT_THAT(err_, HasSubstr("cannot make the folder " + folder_ + "/roles-"));
  EXPECT_THAT(out_, IsEmpty());
  // Of a sweep what has failed is told nevertheless.
  EXPECT_EQ(Main({"roles", "--seeds", "1-7", "--scripts", folder_}), 2);
  EXPECT_THAT(out_, HasSubstr("FAILED: scenario roles, seed 7\n"));
}

TEST_F(SimScriptsTest, AFolderThatCannotBeEmptiedIsAnError) {
  // A folder stands where one of its files would.
  std::filesystem::create_directories(folder_ +
                                      "/roles-1/001_a_role_on_one.txt/x");
  EXPECT_EQ(Main({"roles", "--seeds", "1", "--scripts", folder_}), 2);
  EXPECT_THAT(err_, HasSubstr("cannot empty the folder " + folder_));
}

TEST_F(SimScriptsTest, AHistoryIsTheSameWithScriptsAndWithout) {
  HistoryOptions options;
  const History without = RunRoles(options);
  int added = 0;
  options.scripts = [&](const std::string&, std::string_view) { ++added; };
  const History with = RunRoles(options);
  EXPECT_EQ(with.hash, without.hash);
  EXPECT_EQ(added, 8);  // Three beginnings of two lines each, two seconds.
}

}  // namespace
}  // namespace trivet
