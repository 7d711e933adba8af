// SPDX-License-Identifier: Apache-2.0
//
// The options, and the directory that holds everything the shop remembers.
//
//   DIR/registers     leases, membership, settings, which faults are done
//   DIR/coordinator   the coordinator's log
//   DIR/outcomes      what became of each order
//   DIR/node-N        log and state of a node
//
// A directory belongs to one orders file and one set of opening balances for
// ever. The settings are written last: without them the directory was never
// finished, and is begun anew.

#ifndef SHOP_SETUP_H_
#define SHOP_SETUP_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "orders.h"
#include "trivet/adapters/file/file_versioned_store.h"
#include "trivet/host/executor.h"

namespace shop {

struct Options {
  std::string orders;
  std::string data;
  int64_t opening_balance = 300000;  // Cents of every customer.
  int64_t opening_stock = 2000;      // Units of every SKU.
  int64_t in_flight = 128;
  int64_t lease_ms = 1500;  // How long a role is silent before it is replaced.
  int64_t seed = 1;
  int64_t progress = 0;  // A line every so many orders; 0: every 2 %.
  bool audit = false;
  bool help = false;
};

extern const char kUsage[];

// kInvalidArgument names the option.
absl::StatusOr<Options> ParseOptions(int argc, char** argv);

// The keys of all rows the orders speak of, each once.
std::vector<std::string> RowsOf(const std::vector<Order>& orders);

inline constexpr size_t kFirstNodes = 5;
std::string NodeName(size_t number);

inline std::string CoordinatorDir(const std::string& data) {
  return data + "/coordinator";
}
inline std::string OutcomesDir(const std::string& data) {
  return data + "/outcomes";
}
inline std::string RegistersDir(const std::string& data) {
  return data + "/registers";
}

// What stands in a directory.
absl::StatusOr<std::vector<std::filesystem::path>> ListDir(
    const std::string& dir);

// Opens the directory's registers; fills a new directory first.
// kFailedPrecondition: it was made for other orders or settings, or holds what
// is not the shop's.
absl::StatusOr<std::unique_ptr<trivet::FileVersionedStore>> OpenData(
    trivet::Executor* executor, const Options& options,
    const OrdersFile& orders);

// kNotFound or kFailedPrecondition unless the registers are of these orders and
// settings.
absl::Status CheckSettings(trivet::VersionedStore* registers,
                           const Options& options, const OrdersFile& orders);

}  // namespace shop

#endif  // SHOP_SETUP_H_
