// SPDX-License-Identifier: Apache-2.0
//
// A reader that cannot see one half of an order is worth nothing: here it is
// shown some.

#include "reader.h"

#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "setup.h"
#include "tests/support/temp_dir.h"
#include "trivet/adapters/file/file_log_store.h"
#include "trivet/adapters/thread/thread_executor.h"
#include "trivet/lock/cas_lock_backend.h"

namespace shop {
namespace {

using trivet::Decision;

class ReaderTest : public testing::Test {
 protected:
  ReaderTest() {
    options_.data = dir_.Sub("data");
    registers_ = OpenData(executor_.get(), options_, orders_).value();
    leases_ = std::make_unique<trivet::CasLockBackend>(executor_.get(),
                                                       registers_.get());
    directory_ = Directory::Open(registers_.get()).value();
    outcomes_log_ =
        trivet::FileLogStore::Open(OutcomesDir(options_.data), LogOptions())
            .value();
    outcomes_ = Outcomes::Open(outcomes_log_.get()).value();
    const Room room = {options_.data,    executor_.get(),  &network_,
                       leases_.get(),    directory_.get(), &alarm_,
                       absl::Seconds(60)};
    for (size_t i = 1; i <= kFirstNodes; ++i)
      EXPECT_TRUE(cluster_.Start(room, NodeName(i)).ok());
    work_ = Work{order().id, order().cents, order().quantity,
                 directory_->Route(AccountKey(order())).value(),
                 directory_->Route(StockKey(order())).value()};
    nodes_.insert(work_.account.nodes.begin(), work_.account.nodes.end());
    nodes_.insert(work_.stock.nodes.begin(), work_.stock.nodes.end());
    reader_ = std::make_unique<OrderReader>(
        &console_, directory_.get(), &cluster_, &checkout_, outcomes_.get(), 1);
  }
  ~ReaderTest() override {
    reader_.reset();
    cluster_.KillAll();
  }

  const Order& order() const { return orders_.orders[0]; }

  // Puts the order into one copy of a row, as if it had been applied there.
  void Apply(const Place& place, size_t copy) {
    const auto installed = WaitFor<absl::Status>([&](auto done) {
      cluster_.With(place.nodes[copy], [&](Node& node) {
        std::vector<NamedRow> rows = node.shard().Rows(
            [&](const std::string& row) { return row == place.row; });
        rows.at(0).second.orders.insert(order().id);
        node.shard().Install(std::move(rows), std::move(done));
      });
    });
    EXPECT_TRUE(installed.ok()) << installed;
  }

  // Its transaction, on a node.
  void Reserve(const std::string& node) {
    const auto vote = WaitFor<absl::StatusOr<trivet::Vote>>([&](auto done) {
      cluster_.With(node, [&](Node& up) {
        up.shard().Prepare(kId, Encode(work_), std::move(done));
      });
    });
    EXPECT_EQ(vote->kind, trivet::Vote::kYes) << vote->reason;
  }
  void Decide(const std::string& node, Decision decision) {
    const auto applied = WaitFor<absl::Status>([&](auto done) {
      cluster_.With(node, [&](Node& up) {
        up.shard().Apply(kId, decision, Encode(work_), std::move(done));
      });
    });
    EXPECT_TRUE(applied.ok()) << applied;
  }

  const trivet::TxnId kId = {"shop#0", {1, 1}};
  trivet::TempDir dir_;
  std::unique_ptr<trivet::ThreadExecutor> executor_ =
      trivet::ThreadExecutor::Create().value();
  Console console_{executor_.get()};
  Options options_;
  const OrdersFile orders_ = ParseOrders("o,c,s,1,500\n");
  trivet::InProcessTransport network_{executor_.get()};
  std::unique_ptr<trivet::FileVersionedStore> registers_;
  std::unique_ptr<trivet::CasLockBackend> leases_;
  std::unique_ptr<Directory> directory_;
  std::unique_ptr<trivet::FileLogStore> outcomes_log_;
  std::unique_ptr<Outcomes> outcomes_;
  Alarm alarm_;
  Cluster cluster_;
  Checkout checkout_{
      executor_.get(), &orders_.orders, {}, 1, [](const Checkout::Tally&) {}};
  Work work_;
  std::set<std::string> nodes_;
  std::unique_ptr<OrderReader> reader_;
};

TEST_F(ReaderTest, AnOrderThatIsNowhereIsWhole) {
  EXPECT_TRUE(reader_->LooksWhole(order()));
  for (const std::string& node : nodes_) Reserve(node);
  EXPECT_TRUE(reader_->LooksWhole(order()));
}

TEST_F(ReaderTest, AnOrderThatIsEverywhereIsWhole) {
  for (const Place* place : {&work_.account, &work_.stock})
    for (size_t copy = 0; copy < kReplicas; ++copy) Apply(*place, copy);
  EXPECT_TRUE(reader_->LooksWhole(order()));
}

TEST_F(ReaderTest, SeesMoneyTakenAndNoStock) {
  Apply(work_.account, 0);
  Apply(work_.account, 1);
  EXPECT_FALSE(reader_->LooksWhole(order()));
}

TEST_F(ReaderTest, SeesOneCopyOfARowAheadOfTheOther) {
  Apply(work_.account, 0);
  Apply(work_.stock, 0);
  Apply(work_.stock, 1);
  EXPECT_FALSE(reader_->LooksWhole(order()));
}

// One node has applied it, the others have reserved it and decide while the
// reader looks.
class ReaderWaits : public ReaderTest,
                    public testing::WithParamInterface<Decision> {};

TEST_P(ReaderWaits, UntilWhatIsReservedIsDecided) {
  for (const std::string& node : nodes_) Reserve(node);
  Decide(*nodes_.begin(), Decision::kCommit);
  bool looks_whole = false;
  std::thread looking([&] { looks_whole = reader_->LooksWhole(order()); });
  for (auto node = std::next(nodes_.begin()); node != nodes_.end(); ++node)
    Decide(*node, GetParam());
  looking.join();
  EXPECT_EQ(looks_whole, GetParam() == Decision::kCommit);
}

INSTANTIATE_TEST_SUITE_P(AndThen, ReaderWaits,
                         testing::Values(Decision::kCommit, Decision::kAbort));

}  // namespace
}  // namespace shop
