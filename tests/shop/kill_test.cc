// SPDX-License-Identifier: Apache-2.0
//
// Killed with SIGKILL at any moment and started again on the same directory,
// the shop goes on, and the audit holds. The moment is the N-th line it prints,
// N from a seed: SHOP_KILL_SEED=7 repeats what seed 7 did.

#include <signal.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/shop/shop_process.h"
#include "tests/support/temp_dir.h"

namespace shop {
namespace {

constexpr int kOrders = 600;
constexpr int kKills = 20;

// The number before " of 600 orders", where the line is about progress.
std::optional<int> DecidedIn(const std::string& line) {
  const size_t end = line.find(" of 600 orders");
  if (end == std::string::npos) return std::nullopt;
  const size_t begin = line.find_last_of(" ", end - 1) + 1;
  return std::stoi(line.substr(begin, end - begin));
}

TEST(ShopKill, TwentyKillsLaterTheAuditStillHolds) {
  const char* const given = std::getenv("SHOP_KILL_SEED");
  const auto seed = given != nullptr ? static_cast<uint32_t>(std::atoll(given))
                                     : std::random_device()();
  std::printf("SHOP_KILL_SEED=%u\n", seed);
  std::mt19937 random(seed);

  trivet::TempDir dir;
  const std::string file = dir.Sub("orders.csv");
  const std::string data = dir.Sub("data");
  WriteOrders(file, kOrders);
  const std::vector<std::string> args = {
      "--orders",          file,     "--data",          data,
      "--opening-balance", "100000", "--opening-stock", "60",
      "--lease-ms",        "1000",   "--progress",      "1"};

  int told = 0;  // Orders that some run has reported as decided.
  for (int kills = 0; kills < kKills;) {
    // Early lines are few and far between, so half of the kills go there.
    const bool early = random() % 2 == 0;
    const auto n = static_cast<uint32_t>(random() % (early ? 15 : kOrders)) + 1;
    SCOPED_TRACE(testing::Message() << "kill " << kills << " on line " << n);
    ShopProcess shop(args);
    std::string output;
    uint32_t lines = 0;
    std::optional<std::string> line;
    while ((line = shop.ReadLine()).has_value()) {
      output += *line + "\n";
      if (const std::optional<int> decided = DecidedIn(*line)) {
        // What was reported before a kill is there after it.
        ASSERT_GE(*decided, told) << output;
        told = *decided;
      }
      if (++lines == n) shop.Kill();
    }
    const int code = shop.Wait();
    if (code == -SIGKILL) {
      ++kills;
      continue;
    }
    // This time it came to its end first: judge, and begin a new directory.
    ASSERT_EQ(code, 0) << output;
    ASSERT_THAT(output, testing::HasSubstr("5 of 5 faults")) << output;
    ASSERT_THAT(output, testing::EndsWith("audit: passed\n")) << output;
    std::filesystem::remove_all(data);
    told = 0;
  }
  const ShopProcess::Result last = ShopProcess::Run(args);
  EXPECT_EQ(last.code, 0) << last.output;
  EXPECT_EQ(last.last_line, "audit: passed") << last.output;
  EXPECT_THAT(last.output, testing::HasSubstr("5 of 5 faults"));
}

}  // namespace
}  // namespace shop
