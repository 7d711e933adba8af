// SPDX-License-Identifier: Apache-2.0
//
// An audit that cannot fail is worth nothing: here every kind of damage is done
// to the files of a finished run, and the audit must name it.

#include "audit.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "book.h"
#include "bytes.h"
#include "directory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "node.h"
#include "outcomes.h"
#include "registers.h"
#include "tests/shop/shop_process.h"
#include "tests/support/real_time.h"
#include "tests/support/temp_dir.h"
#include "trivet/adapters/inprocess/inprocess_transport.h"
#include "trivet/adapters/thread/thread_executor.h"
#include "trivet/txn/coordinator.h"

namespace shop {
namespace {

using trivet::FileLogStore;
using trivet::LogIndex;
using Records = std::vector<std::string>;

Records ReadAll(const std::string& dir) {
  Records records;
  const auto log = FileLogStore::Open(dir, LogOptions()).value();
  EXPECT_TRUE(log->Claim(0,
                         [&](LogIndex, std::string_view record) {
                           records.emplace_back(record);
                           return absl::OkStatus();
                         })
                  .ok());
  return records;
}

// A log in place of the one in `dir`, with other records.
void WriteAll(const std::string& dir, Records records) {
  std::filesystem::remove_all(dir);
  const auto log = FileLogStore::Create(dir, LogOptions()).value();
  const trivet::Epoch epoch =
      log->Claim(0, [](LogIndex, std::string_view) { return absl::OkStatus(); })
          .value();
  const auto last = WaitFor<absl::StatusOr<LogIndex>>([&](auto done) {
    log->Append(epoch, std::move(records), trivet::Durability::kForced,
                std::move(done));
  });
  EXPECT_TRUE(last.ok()) << last.status();
}

class AuditTest : public testing::Test {
 protected:
  static constexpr int kOrders = 300;

  AuditTest() {
    WriteOrders(dir_.Sub("orders.csv"), kOrders);
    options_.orders = dir_.Sub("orders.csv");
    options_.data = dir_.Sub("data");
    options_.opening_balance = 60000;
    options_.opening_stock = 40;
    const auto run = ShopProcess::Run(Args());
    EXPECT_EQ(run.code, 0) << run.output;
    std::filesystem::copy(options_.data, dir_.Sub("sound"),
                          std::filesystem::copy_options::recursive);
    orders_ = ReadOrders(options_.orders).value();
    const auto registers =
        trivet::FileVersionedStore::Open(RegistersDir(options_.data)).value();
    ring_.emplace(Directory::Open(registers.get()).value()->plan()->after());
  }

  std::vector<std::string> Args() const {
    return {"--orders",
            options_.orders,
            "--data",
            options_.data,
            "--opening-balance",
            absl::StrCat(options_.opening_balance),
            "--opening-stock",
            absl::StrCat(options_.opening_stock),
            "--lease-ms",
            "1000"};
  }

  // The names of the findings that are not passed.
  std::vector<std::string> Wrong() {
    std::vector<std::string> wrong;
    for (const Finding& finding : Audit(executor_.get(), options_, orders_))
      if (!finding.passed) wrong.push_back(finding.name);
    return wrong;
  }

  // Does `damage` to a fresh copy of the sound directory.
  void Expect(const std::string& name, const std::function<void()>& damage) {
    SCOPED_TRACE(name);
    std::filesystem::remove_all(options_.data);
    std::filesystem::copy(dir_.Sub("sound"), options_.data,
                          std::filesystem::copy_options::recursive);
    damage();
    EXPECT_THAT(Wrong(), testing::Contains(name));
  }

  std::string StateDir(const std::string& node) const {
    return absl::StrCat(options_.data, "/", node, "/state");
  }

  // Adds to a node's journal what `change` returns.
  void Amend(const std::string& node,
             const std::function<Records(Book&)>& change) {
    Records records = ReadAll(StateDir(node));
    Book book(node);
    for (const std::string& record : records)
      ASSERT_TRUE(book.Replay(record).ok());
    for (std::string& record : change(book))
      records.push_back(std::move(record));
    WriteAll(StateDir(node), std::move(records));
  }

  // Changes a row where it is kept: on the first of its nodes, or on both.
  void AmendRow(const std::string& key, size_t copies,
                const std::function<void(Row&)>& change) {
    const Place place = PlaceOf(ring(), key);
    for (size_t i = 0; i < copies; ++i)
      Amend(place.nodes[i], [&](Book& book) {
        Row row = *book.Find(key);
        change(row);
        return book.Put({key, std::move(row)});
      });
  }

  // Of the sound directory: who was lost is up to the run.
  const trivet::HashRing& ring() const { return *ring_; }
  // One of its nodes.
  std::string node() const { return ring().nodes()[0].id; }

  const Order& FirstSold() const {
    OutcomesRead read;
    for (const std::string& record : ReadAll(OutcomesDir(options_.data)))
      EXPECT_TRUE(read.Replay(record).ok());
    return *std::find_if(orders_.orders.begin(), orders_.orders.end(),
                         [&](const Order& order) {
                           return read.verdicts.at(order.id) == Verdict::kSold;
                         });
  }

  // Changes or removes (empty) the outcomes' records about an order.
  void AmendVerdict(const std::string& order,
                    const std::function<std::string(std::string)>& change) {
    Records changed;
    for (const std::string& record : ReadAll(OutcomesDir(options_.data))) {
      OutcomesRead one;
      EXPECT_TRUE(one.Replay(record).ok());
      const std::string now =
          one.verdicts.contains(order) ? change(record) : record;
      if (!now.empty()) changed.push_back(now);
    }
    WriteAll(OutcomesDir(options_.data), std::move(changed));
  }

  void LeaveInDoubt();

  trivet::TempDir dir_;
  std::unique_ptr<trivet::ThreadExecutor> executor_ =
      trivet::ThreadExecutor::Create().value();
  Options options_;
  OrdersFile orders_;
  std::optional<trivet::HashRing> ring_;
};

class NoRows : public trivet::Resource {
 public:
  void ListPrepared(
      absl::AnyInvocable<void(absl::StatusOr<std::vector<trivet::TxnId>>) &&>
          done) override {
    std::move(done)(std::vector<trivet::TxnId>());
  }
  void Prepare(const trivet::TxnId&, std::string,
               absl::AnyInvocable<void(trivet::Vote) &&> done) override {
    std::move(done)(trivet::Vote(trivet::Vote::kYes));
  }
  void Apply(const trivet::TxnId&, trivet::Decision, std::string,
             absl::AnyInvocable<void(absl::Status) &&> done) override {
    std::move(done)(absl::OkStatus());
  }
};

// A coordinator that asks a node and another that never answers, and dies.
void AuditTest::LeaveInDoubt() {
  trivet::InProcessTransport network(executor_.get());
  NoRows rows;
  const auto log = FileLogStore::Create(dir_.Sub("other")).value();
  const auto node_log =
      FileLogStore::Open(absl::StrCat(options_.data, "/", node(), "/log"),
                         LogOptions())
          .value();
  const auto participant =
      trivet::Participant::Open(executor_.get(), &network, node_log.get(),
                                &rows, node(), ParticipantSettings())
          .value();
  auto coordinator = trivet::Coordinator::Open(executor_.get(), &network,
                                               log.get(), "other", {})
                         .value();
  trivet::Event voted;
  network.Register(node(), [&](trivet::Envelope envelope) {
    participant->Receive(std::move(envelope));
  });
  network.Register("other", [&](trivet::Envelope) { voted.Notify(); });
  coordinator->RunAsync({{node(), "work"}, {"nobody", "work"}},
                        [](absl::StatusOr<trivet::Outcome>) {});
  voted.Wait();
  network.Unregister(node());
  network.Unregister("other");
}

TEST_F(AuditTest, FindsEveryDamageToRows) {
  ASSERT_THAT(Wrong(), testing::IsEmpty());
  const Order sold = FirstSold();
  const std::string account = AccountKey(sold);
  const std::string stock = StockKey(sold);

  Expect("replicas", [&] {
    Amend(PlaceOf(ring(), account).nodes[0],
          [&](Book& book) { return Records{book.Drop(account)}; });
  });
  Expect("replicas", [&] {  // A row where it does not belong.
    for (const trivet::RingNode& member : ring().nodes())
      if (!PlaceOf(ring(), account).Names(member.id))
        Amend(member.id, [&](Book& book) {
          return book.Put({account, Row()});
        });
  });
  Expect("money", [&] { AmendRow(account, 1, [](Row& row) { ++row.left; }); });
  Expect("money", [&] {  // In both copies, and back in the totals.
    AmendRow(account, 2, [](Row& row) { ++row.left; });
    AmendRow(stock, 2, [](Row& row) { --row.earned; });
  });
  Expect("stock", [&] { AmendRow(stock, 2, [](Row& row) { --row.left; }); });
  Expect("atomicity", [&] {  // Paid, and got nothing.
    AmendRow(stock, 2, [&](Row& row) {
      row.orders.erase(sold.id);
      row.left += sold.quantity;
      row.earned -= sold.cents;
    });
  });
  Expect("durability", [&] {  // Undone everywhere, after it was reported.
    AmendRow(stock, 2, [&](Row& row) {
      row.orders.erase(sold.id);
      row.left += sold.quantity;
      row.earned -= sold.cents;
    });
    AmendRow(account, 2, [&](Row& row) {
      row.orders.erase(sold.id);
      row.left += sold.cents;
    });
  });
}

TEST_F(AuditTest, FindsEveryDamageToWhatIsKeptBesideTheRows) {
  ASSERT_THAT(Wrong(), testing::IsEmpty());
  const Order sold = FirstSold();
  const std::string account = AccountKey(sold);
  const std::string stock = StockKey(sold);

  Expect("every order decided", [&] {
    AmendVerdict(sold.id, [](std::string) { return std::string(); });
  });
  Expect("durability", [&] {  // Sold, and reported as refused.
    AmendVerdict(sold.id, [](std::string record) {
      record[0] = static_cast<char>(Verdict::kNoStock);
      return record;
    });
  });
  Expect("refusals", [&] {  // Refused, and nothing was short.
    AmendRow(account, 2, [&](Row& row) { row.left += sold.cents; });
    AmendVerdict(sold.id, [](std::string record) {
      record[0] = static_cast<char>(Verdict::kNoMoney);
      return record;
    });
  });
  Expect("isolation", [&] {
    Records records = ReadAll(OutcomesDir(options_.data));
    std::string seen = "I";
    PutInt(1, &seen);
    PutInt(1, &seen);
    records.push_back(seen);
    WriteAll(OutcomesDir(options_.data), std::move(records));
  });
  Expect("moved ranges", [&] {
    const auto registers =
        trivet::FileVersionedStore::Open(RegistersDir(options_.data)).value();
    Register membership(registers.get(), "membership");
    Membership members = Membership::Parse(membership.Read().value()).value();
    ++members.changes[0].rows_moved;
    ASSERT_TRUE(membership.Write(members.ToString()).ok());
  });
  Expect("nobody in doubt", [&] {
    Amend(node(), [&](Book& book) {
      return Records{book.Reserve(
          {"shop#0", {99, 1}},
          {"ghost", 1, 1, {account, {node()}}, {stock, {node()}}})};
    });
  });
  Expect("nobody in doubt", [&] { LeaveInDoubt(); });
  Expect("files",
         [&] { std::filesystem::remove_all(options_.data + "/" + node()); });
  Expect("files", [&] { WriteAll(StateDir(node()), {"nonsense"}); });
}

TEST_F(AuditTest, FindsEveryFlippedByteOfAJournalOrLosesNothing) {
  const std::string state = StateDir(node());
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(state)) {
    const std::string name = entry.path().filename();
    for (const std::streamoff at : {100, 5000, 9000}) {
      if (entry.file_size() <= static_cast<uintmax_t>(at)) continue;
      std::filesystem::remove_all(options_.data);
      std::filesystem::copy(dir_.Sub("sound"), options_.data,
                            std::filesystem::copy_options::recursive);
      std::fstream file(state + "/" + name,
                        std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(at);
      const char byte = static_cast<char>(file.get());
      if (byte == 0) continue;  // Not yet written: nobody reads it.
      file.seekp(at);
      file.put(static_cast<char>(byte ^ 0x10));
      file.close();
      EXPECT_THAT(Wrong(), testing::Contains("files")) << name << " at " << at;
      ++found;
    }
  }
  EXPECT_GT(found, 0);
}

TEST_F(AuditTest, TheProgramSaysSoAndExitsWithOne) {
  std::filesystem::remove_all(StateDir(node()));
  std::vector<std::string> args = Args();
  args.push_back("--audit");
  const ShopProcess::Result run = ShopProcess::Run(args);
  EXPECT_EQ(run.code, 1);
  EXPECT_EQ(run.last_line, "audit: FAILED") << run.output;
}

TEST_F(AuditTest, ChangesNothing) {
  const auto sizes = [&] {
    std::vector<std::pair<std::string, std::filesystem::file_time_type>> files;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(options_.data))
      if (entry.is_regular_file())
        files.emplace_back(entry.path(), entry.last_write_time());
    std::sort(files.begin(), files.end());
    return files;
  };
  const auto before = sizes();
  EXPECT_THAT(Wrong(), testing::IsEmpty());
  EXPECT_EQ(sizes(), before);
}

}  // namespace
}  // namespace shop
