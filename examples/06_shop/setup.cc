// SPDX-License-Identifier: Apache-2.0

#include "setup.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "directory.h"
#include "node.h"
#include "shard.h"

namespace shop {

using trivet::FileLogStore;
using trivet::FileVersionedStore;

const char kUsage[] =
    "shop --orders FILE --data DIR [option ...]\n"
    "\n"
    "Runs the orders of FILE over a small cluster whose whole state is in "
    "DIR,\n"
    "breaks parts of it on the way, and audits what is left. Killed at any\n"
    "moment and started again with the same arguments, it goes on.\n"
    "\n"
    "  --orders FILE         CSV: order_id,customer,sku,quantity,"
    "unit_price_cents\n"
    "  --data DIR            made if missing\n"
    "  --opening-balance N   cents of every customer (300000)\n"
    "  --opening-stock N     units of every SKU (2000)\n"
    "  --in-flight N         orders under way at once (128)\n"
    "  --lease-ms N          silent for that long is dead (1500)\n"
    "  --seed N              which nodes are hit (1)\n"
    "  --progress N          a line every N orders (every 2 %)\n"
    "  --audit               only audit DIR\n"
    "  --help\n"
    "\n"
    "Exits with 0 if the audit passed, 1 if it failed, 2 if the arguments or "
    "the\n"
    "directory are wrong, 3 if it could not go on.\n";

namespace {

constexpr char kRegister[] = "settings";

absl::StatusOr<int64_t> ParseNumber(const std::string& name,
                                    const std::string& text, int64_t min,
                                    int64_t max) {
  int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stopped != end || value < min || value > max)
    return absl::InvalidArgumentError(absl::StrCat(
        name, " is '", text, "', must be a number from ", min, " to ", max));
  return value;
}

std::string Settings(const Options& options, const OrdersFile& orders) {
  return absl::StrCat("orders ", orders.orders.size(), " digest ",
                      absl::Hex(orders.digest), ", opening balance ",
                      options.opening_balance, ", opening stock ",
                      options.opening_stock);
}

bool IsOurs(const std::string& name) {
  if (name == "registers" || name == "coordinator" || name == "outcomes" ||
      name == "audit")
    return true;
  constexpr std::string_view kNode = "node-";
  return name.size() > kNode.size() && absl::StartsWith(name, "node-") &&
         name.find_first_not_of("0123456789", kNode.size()) == name.npos;
}

// A directory without settings holds nothing that anybody was told of.
absl::Status Empty(const std::string& data) {
  const auto entries = ListDir(data);
  if (!entries.ok()) return entries.status();
  for (const std::filesystem::path& path : *entries) {
    std::error_code error;
    if (path.filename() != "registers")
      std::filesystem::remove_all(path, error);
    if (error)
      return absl::UnavailableError(
          absl::StrCat("cannot remove ", path.string(), ": ", error.message()));
  }
  return absl::OkStatus();
}

absl::Status FillNode(trivet::Executor* executor, const std::string& data,
                      const std::string& id, std::vector<NamedRow> rows) {
  if (absl::Status made = Node::Create(data, id); !made.ok()) return made;
  auto journal =
      FileLogStore::Open(absl::StrCat(data, "/", id, "/state"), LogOptions());
  if (!journal.ok()) return journal.status();
  const auto shard = Shard::Open(executor, journal->get(), id,
                                 [](const Place&) { return absl::OkStatus(); });
  if (!shard.ok()) return shard.status();
  return WaitFor<absl::Status>(
      [&](auto done) { (*shard)->Install(std::move(rows), std::move(done)); });
}

absl::Status Fill(trivet::Executor* executor, trivet::VersionedStore* registers,
                  const Options& options, const OrdersFile& orders) {
  if (absl::Status emptied = Empty(options.data); !emptied.ok()) return emptied;
  std::vector<std::string> nodes;
  for (size_t i = 1; i <= kFirstNodes; ++i) nodes.push_back(NodeName(i));
  const absl::StatusOr<trivet::HashRing> ring = RingOf(nodes);
  if (!ring.ok()) return ring.status();
  const std::vector<std::string> keys = RowsOf(orders.orders);
  for (const std::string& node : nodes) {
    std::vector<NamedRow> rows;
    for (const std::string& key : keys) {
      if (!PlaceOf(*ring, key).Names(node)) continue;
      Row row;
      row.left =
          IsAccount(key) ? options.opening_balance : options.opening_stock;
      rows.push_back({key, std::move(row)});
    }
    const absl::Status filled =
        FillNode(executor, options.data, node, std::move(rows));
    if (!filled.ok()) return filled;
  }
  for (const std::string& dir :
       {CoordinatorDir(options.data), OutcomesDir(options.data)})
    if (const auto log = FileLogStore::Create(dir, LogOptions()); !log.ok())
      return log.status();
  if (absl::Status made = Directory::Create(registers, nodes); !made.ok())
    return made;
  Register settings(registers, kRegister);
  if (auto before = settings.Read(); !before.ok()) return before.status();
  return settings.Write(Settings(options, orders));
}

// So that no sum of what the rows hold can overflow.
absl::Status CheckSums(const Options& options, const OrdersFile& orders) {
  const auto rows = static_cast<int64_t>(RowsOf(orders.orders).size());
  int64_t sum = 0;
  for (const auto& [name, opening] :
       {std::pair("--opening-balance", options.opening_balance),
        std::pair("--opening-stock", options.opening_stock)})
    if (__builtin_mul_overflow(opening, rows, &sum))
      return absl::FailedPreconditionError(
          absl::StrCat(name, " is ", opening, ", which ", rows,
                       " rows add up to more than 64 bits; at most ",
                       INT64_MAX / std::max<int64_t>(rows, 1)));
  return absl::OkStatus();
}

absl::Status CheckForeign(const std::string& data) {
  const auto entries = ListDir(data);
  if (!entries.ok()) return entries.status();
  for (const std::filesystem::path& path : *entries)
    if (!IsOurs(path.filename()))
      return absl::FailedPreconditionError(absl::StrCat(
          data, " holds ", path.filename().string(),
          ", which is not the shop's; name an empty or a new directory"));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Options> ParseOptions(int argc, char** argv) {
  Options options;
  struct Number {
    const char* name;
    int64_t* value;
    int64_t min, max;
  };
  const Number numbers[] = {
      {"--opening-balance", &options.opening_balance, 0, INT64_MAX},
      {"--opening-stock", &options.opening_stock, 0, INT64_MAX},
      {"--in-flight", &options.in_flight, 1, 4096},
      {"--lease-ms", &options.lease_ms, 100, 60000},
      {"--seed", &options.seed, 0, INT64_MAX},
      {"--progress", &options.progress, 1, INT64_MAX},
  };
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--help" || name == "-h") {
      options.help = true;
      return options;
    }
    if (name == "--audit") {
      options.audit = true;
      continue;
    }
    std::string* text = nullptr;
    if (name == "--orders") text = &options.orders;
    if (name == "--data") text = &options.data;
    const Number* number = nullptr;
    for (const Number& one : numbers)
      if (name == one.name) number = &one;
    if (text == nullptr && number == nullptr)
      return absl::InvalidArgumentError(absl::StrCat("no option ", name));
    if (++i == argc)
      return absl::InvalidArgumentError(absl::StrCat(name, " needs a value"));
    if (text != nullptr) {
      *text = argv[i];
      continue;
    }
    const auto value = ParseNumber(name, argv[i], number->min, number->max);
    if (!value.ok()) return value.status();
    *number->value = *value;
  }
  if (options.orders.empty())
    return absl::InvalidArgumentError("--orders FILE is missing");
  if (options.data.empty())
    return absl::InvalidArgumentError("--data DIR is missing");
  return options;
}

std::vector<std::string> RowsOf(const std::vector<Order>& orders) {
  std::set<std::string> rows;
  for (const Order& order : orders) {
    rows.insert(AccountKey(order));
    rows.insert(StockKey(order));
  }
  return {rows.begin(), rows.end()};
}

absl::StatusOr<std::vector<std::filesystem::path>> ListDir(
    const std::string& dir) {
  std::vector<std::filesystem::path> paths;
  std::error_code error;
  const std::filesystem::directory_iterator end;
  for (std::filesystem::directory_iterator entry(dir, error);
       !error && entry != end; entry.increment(error))
    paths.push_back(entry->path());
  if (error)
    return absl::UnavailableError(
        absl::StrCat("cannot read ", dir, ": ", error.message()));
  return paths;
}

std::string NodeName(size_t number) { return absl::StrCat("node-", number); }

absl::Status CheckSettings(trivet::VersionedStore* registers,
                           const Options& options, const OrdersFile& orders) {
  const absl::StatusOr<std::string> settings =
      Register(registers, kRegister).Read();
  if (!settings.ok()) return settings.status();
  if (settings->empty())
    return absl::NotFoundError(absl::StrCat(options.data, " is not complete"));
  const std::string wanted = Settings(options, orders);
  if (*settings == wanted) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      options.data, " was made for: ", *settings, "; you asked for: ", wanted));
}

absl::StatusOr<std::unique_ptr<FileVersionedStore>> OpenData(
    trivet::Executor* executor, const Options& options,
    const OrdersFile& orders) {
  if (absl::Status sums = CheckSums(options, orders); !sums.ok()) return sums;
  std::error_code error;
  std::filesystem::create_directories(options.data, error);
  if (error)
    return absl::FailedPreconditionError(
        absl::StrCat("cannot create ", options.data, ": ", error.message()));
  if (absl::Status foreign = CheckForeign(options.data); !foreign.ok())
    return foreign;
  const std::string dir = RegistersDir(options.data);
  auto registers = FileVersionedStore::Open(dir);
  if (absl::IsNotFound(registers.status())) {
    if (std::filesystem::exists(OutcomesDir(options.data)))
      return absl::DataLossError(
          absl::StrCat(dir, " is gone, and with it who keeps which row"));
    registers = FileVersionedStore::Create(dir);
  }
  if (!registers.ok()) return registers.status();
  absl::Status fits = CheckSettings(registers->get(), options, orders);
  if (absl::IsNotFound(fits))
    fits = Fill(executor, registers->get(), options, orders);
  if (!fits.ok()) return fits;
  return registers;
}

}  // namespace shop
