// SPDX-License-Identifier: Apache-2.0

#include "bench/tables.h"

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "bench/results.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace trivet {
namespace bench {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// A run as Google Benchmark writes it, whose real time is ten times as long.
std::string RowOf(const std::string& name, double cpu_time,
                  const std::string& more = "") {
  std::ostringstream out;
  out << R"({"run_type": "iteration", "run_name": ")" << name
      << R"(", "cpu_time": )" << cpu_time << R"(, "real_time": )"
      << 10 * cpu_time << more << "}";
  return out.str();
}

class BenchTablesTest : public ::testing::Test {
 protected:
  BenchTablesTest() { std::filesystem::create_directories(folder_); }

  // As if `program` had left these runs.
  void Read(const std::string& program, const std::vector<std::string>& runs) {
    std::string all;
    for (const std::string& run : runs) all += (all.empty() ? "" : ",") + run;
    Write(program, R"({"context": {}, "benchmarks": [)" + all + "]}");
    ASSERT_EQ(results_.Read(folder_, program), "");
  }

  void Write(const std::string& program, const std::string& text) {
    std::ofstream(folder_ + "/" + program + ".json") << text;
  }

  // The line of the figures that contains `what`.
  std::string Figure(const std::string& what) {
    std::stringstream lines;
    PrintFigures(results_, lines);
    std::string line;
    while (std::getline(lines, line)) {
      if (line.find(what) != line.npos) return line;
    }
    return "";
  }

  // Of this test alone: others run at the same time.
  const std::string folder_ =
      ::testing::TempDir() + "bench_tables_test_" +
      ::testing::UnitTest::GetInstance()->current_test_info()->name();
  Results results_;
};

TEST_F(BenchTablesTest, ATimeIsTheMedianOfItsRuns) {
  Read("p", {RowOf("a/nodes:1/vnodes:2", 9), RowOf("a/nodes:1/vnodes:2", 1),
             RowOf("a/nodes:1/vnodes:2", 4), RowOf("b/c/nodes:1/vnodes:2", 1),
             RowOf("b/c/nodes:1/vnodes:2", 2)});
  EXPECT_EQ(results_.Time("p/a", {1, 2}), 4);
  EXPECT_EQ(results_.Time("p/b/c", {1, 2}), 1.5);
}

TEST_F(BenchTablesTest, RealTimeCountsWhereTheProgramCountsInIt) {
  Read("p", {RowOf("a/nodes:1/vnodes:2/real_time", 9),
             RowOf("b/nodes:1/vnodes:2/iterations:1", 9)});
  EXPECT_EQ(results_.Time("p/a", {1, 2}), 90);
  EXPECT_EQ(results_.Time("p/b", {1, 2}), 9);
}

TEST_F(BenchTablesTest, OnlyASeriesOfNoSizeAtAllIsMissed) {
  Read("p", {RowOf("a/nodes:1/vnodes:2", 9, R"(, "bytes": 7)")});
  EXPECT_EQ(results_.Time("p/a", {1, 3}), std::nullopt);
  EXPECT_EQ(results_.Counter("p/a", "bytes", {1, 2}), 7);
  EXPECT_THAT(results_.missing(), ElementsAre());
  EXPECT_EQ(results_.Time("p/b", {1, 2}), std::nullopt);
  EXPECT_EQ(results_.Counter("p/a", "bites", {1, 2}), std::nullopt);
  EXPECT_THAT(results_.missing(), ElementsAre("p/a, counter bites", "p/b"));
}

TEST_F(BenchTablesTest, WhatIsNoResultIsNamed) {
  EXPECT_THAT(results_.Read(folder_, "absent"), HasSubstr("absent.json"));
  Write("p", "{");
  EXPECT_THAT(results_.Read(folder_, "p"), HasSubstr("p.json is no JSON"));
  Write("p", R"({"benchmarks": [)" + RowOf("a/nodes:1", 1) + "]}");
  EXPECT_THAT(results_.Read(folder_, "p"), HasSubstr("'a/nodes:1'"));
}

TEST_F(BenchTablesTest, ReadsWhatGoogleBenchmarkMakesOfNoNumber) {
  Read("p", {RowOf("a/nodes:1/vnodes:2", 9, R"(, "x": -NaN, "y": NaN)")});
  EXPECT_EQ(results_.Time("p/a", {1, 2}), 9);
}

TEST_F(BenchTablesTest, AFigureIsAsGoodAsItsWorstSize) {
  Read("lookup", {RowOf("limit/key/hot/nodes:10/vnodes:40", 10),
                  RowOf("limit/key/hot/nodes:100/vnodes:40", 10),
                  RowOf("limit/key/fresh/nodes:10/vnodes:40", 10),
                  RowOf("trivet/key/hot/nodes:10/vnodes:40", 17),
                  RowOf("trivet/key/hot/nodes:100/vnodes:40", 11),
                  RowOf("trivet/key/fresh/nodes:10/vnodes:40", 16)});
  const std::string what = "`Lookup` / the limit";
  EXPECT_THAT(Figure(what),
              HasSubstr("hot 1.70 (10x40), fresh 1.60 (10x40) | met |"));
  Read("lookup", {RowOf("trivet/key/hot/nodes:100/vnodes:40", 25)});
  EXPECT_THAT(Figure(what), HasSubstr("hot 1.80 (100x40)"));
  EXPECT_THAT(Figure(what), HasSubstr("**not met**"));
}

TEST_F(BenchTablesTest, ALowerLimitIsAsGoodAsItsWorstSizeToo) {
  Read("change", {RowOf("build_trivet/nodes:1000/vnodes:40", 300),
                  RowOf("build_trivet/nodes:1000/vnodes:160", 300),
                  RowOf("add/nodes:1000/vnodes:40", 10),
                  RowOf("add/nodes:1000/vnodes:160", 5),
                  RowOf("remove/nodes:1000/vnodes:40", 1),
                  RowOf("add/nodes:100/vnodes:160", 5000)});
  const std::string what = "to build anew / `Update`";
  EXPECT_THAT(Figure(what),
              HasSubstr("add 30.0 (1000x40), remove 300 (1000x40) | met |"));
  Read("change", {RowOf("remove/nodes:1000/vnodes:160", 11)});
  EXPECT_THAT(Figure(what), HasSubstr("remove 27.3 (1000x160)"));
  EXPECT_THAT(Figure(what), HasSubstr("**not met**"));
}

TEST_F(BenchTablesTest, WhatWasNotMeasuredIsNeitherMetNorNot) {
  EXPECT_THAT(Figure("`Lookup` / the limit"), HasSubstr("| not measured |"));
  EXPECT_THAT(results_.missing(), Contains("lookup/limit/key/hot"));
  EXPECT_THAT(Figure("`Lookup` / the limit"), Not(HasSubstr("met**")));
}

TEST(BenchFormatTest, GivesThreeDigits) {
  EXPECT_EQ(Format(Value(9.994)), "9.99");
  EXPECT_EQ(Format(Value(9.996)), "10.0");
  EXPECT_EQ(Format(Value(99.96)), "100");
  EXPECT_EQ(Format(Value(12345.6)), "12346");
  EXPECT_EQ(Format(Value()), "-");
  EXPECT_EQ(Format(RingSize{10, 160}), "10x160");
}

}  // namespace
}  // namespace bench
}  // namespace trivet
