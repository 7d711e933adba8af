// SPDX-License-Identifier: Apache-2.0
//
// The main example: a shop that takes 20,000 orders while its machines die,
// join, lose their disks and come back, and that must neither lose nor invent a
// cent. See README.md.

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "audit.h"
#include "console.h"
#include "setup.h"
#include "shop.h"
#include "trivet/adapters/thread/thread_executor.h"

namespace shop {
namespace {

constexpr int kPassed = 0, kFailed = 1, kWrongArguments = 2, kGaveUp = 3;

void ReportFile(Console* console, const OrdersFile& file,
                const std::string& path) {
  console->Say(absl::StrFormat("%s: %d orders", path, file.orders.size()));
  for (const BadLine& line : file.malformed)
    console->More(
        absl::StrFormat("line %d is malformed: %s", line.number, line.reason));
  for (const BadLine& line : file.duplicates)
    console->More(absl::StrFormat("line %d is refused as a duplicate: %s",
                                  line.number, line.reason));
}

double Percentile(const std::vector<double>& sorted, size_t percent) {
  if (sorted.empty()) return 0;
  return sorted[(sorted.size() - 1) * percent / 100];
}

void PrintTable(const Shop::Summary& run) {
  const size_t decided = run.tally.decided - run.decided_before;
  std::printf("\n");
  std::printf("  orders     %zu in %.1f s, %.0f a second, %llu tries again\n",
              decided, run.seconds, static_cast<double>(decided) / run.seconds,
              static_cast<unsigned long long>(run.tally.retries));
  std::printf("  latency    p50 %.1f ms, p99 %.1f ms (faults included)\n",
              1000 * Percentile(run.latency, 50),
              1000 * Percentile(run.latency, 99));
  size_t survived = 0;
  for (const FaultNote& fault : run.faults)
    survived += fault.survived.empty() ? 0 : 1;
  std::printf("  survived   %zu of %zu faults%s\n", survived, kFaults,
              run.runs > 1
                  ? absl::StrCat(", and ", run.runs - 1, " restarts").c_str()
                  : "");
  for (size_t i = 0; i < kFaults; ++i)
    std::printf("             %-52s %s\n", NameOf(static_cast<Fault>(i)),
                run.faults[i].survived.c_str());
  std::printf("  shares    ");
  for (const std::string& line : run.shares)
    std::printf("%s%s\n", &line == &run.shares[0] ? " " : "             ",
                line.c_str());
  std::fflush(stdout);
}

bool PrintAudit(const std::vector<Finding>& findings) {
  std::printf("\naudit of the files\n");
  bool passed = true;
  for (const Finding& finding : findings) {
    std::printf("  %-6s %-20s %s\n", finding.passed ? "ok" : "WRONG",
                finding.name.c_str(), finding.text.c_str());
    passed = passed && finding.passed;
  }
  std::printf("audit: %s\n", passed ? "passed" : "FAILED");
  std::fflush(stdout);
  return passed;
}

int Complain(const absl::Status& status, int code) {
  std::fprintf(stderr, "shop: %s\n", std::string(status.message()).c_str());
  return code;
}

int Main(int argc, char** argv) {
  const absl::StatusOr<Options> options = ParseOptions(argc, argv);
  if (!options.ok()) {
    Complain(options.status(), kWrongArguments);
    std::fprintf(stderr, "Try shop --help.\n");
    return kWrongArguments;
  }
  if (options->help) {
    std::fputs(kUsage, stdout);
    return kPassed;
  }
  const absl::StatusOr<OrdersFile> orders = ReadOrders(options->orders);
  if (!orders.ok()) return Complain(orders.status(), kWrongArguments);
  const auto executor = trivet::ThreadExecutor::Create();
  if (!executor.ok()) return Complain(executor.status(), kGaveUp);

  if (!options->audit) {
    Console console(executor->get());
    ReportFile(&console, *orders, options->orders);
    Shop shop(&console, executor->get(), *options, *orders);
    const absl::StatusOr<Shop::Summary> run = shop.Run();
    if (absl::IsFailedPrecondition(run.status()))
      return Complain(run.status(), kWrongArguments);
    if (!run.ok()) return Complain(run.status(), kGaveUp);
    PrintTable(*run);
  }
  return PrintAudit(Audit(executor->get(), *options, *orders)) ? kPassed
                                                               : kFailed;
}

}  // namespace
}  // namespace shop

int main(int argc, char** argv) {
  std::signal(SIGXFSZ,
              SIG_IGN);  // A file at its limit is told like a full disk.
  return shop::Main(argc, argv);
}
