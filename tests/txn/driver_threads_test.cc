// SPDX-License-Identifier: Apache-2.0
//
// The drivers on real threads over file logs: money moves between accounts
// while clients block, roles are destroyed and opened again.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/real_time.h"
#include "trivet/adapters/file/file_log_store.h"
#include "trivet/adapters/inprocess/inprocess_transport.h"
#include "trivet/adapters/thread/thread_executor.h"
#include "trivet/txn/coordinator.h"
#include "trivet/txn/participant.h"
#include "trivet/txn/resource.h"
#include "trivet/txn/transaction.h"

namespace trivet {
namespace {

using ::testing::IsEmpty;

// A balance. Answers inside the call and from another thread by turns.
class Account final : public Resource {
 public:
  explicit Account(Executor* executor) : executor_(executor) {}

  void ListPrepared(
      absl::AnyInvocable<void(absl::StatusOr<std::vector<TxnId>>) &&> done)
      override {
    std::vector<TxnId> ids;
    {
      absl::MutexLock lock(&mu_);
      for (const auto& [id, change] : prepared_) ids.push_back(id);
    }
    std::move(done)(std::move(ids));
  }
  void Prepare(const TxnId& id, std::string work,
               absl::AnyInvocable<void(Vote) &&> done) override {
    bool is_even = false;
    {
      absl::MutexLock lock(&mu_);
      prepared_[id] = std::stoi(work);
      is_even = ++calls_ % 2 == 0;
    }
    if (is_even) return std::move(done)(Vote(Vote::kYes));
    executor_->Post([done = std::move(done)]() mutable {
      std::move(done)(Vote(Vote::kYes));
    });
  }
  void Apply(const TxnId& id, Decision decision, std::string,
             absl::AnyInvocable<void(absl::Status) &&> done) override {
    bool is_even = false;
    {
      absl::MutexLock lock(&mu_);
      const auto it = prepared_.find(id);
      if (it != prepared_.end()) {
        if (decision == Decision::kCommit) {
          balance_ += it->second;
          committed_.insert(id);
        }
        prepared_.erase(it);
      }
      is_even = ++calls_ % 2 == 0;
    }
    if (is_even) return std::move(done)(absl::OkStatus());
    executor_->Post([done = std::move(done)]() mutable {
      std::move(done)(absl::OkStatus());
    });
  }

  bool WaitUntilSettled() {
    absl::MutexLock lock(&mu_);
    return mu_.AwaitWithTimeout(
        absl::Condition(
            +[](std::map<TxnId, int>* prepared) { return prepared->empty(); },
            &prepared_),
        kPatience);
  }
  int balance() {
    absl::MutexLock lock(&mu_);
    return balance_;
  }
  std::set<TxnId> committed() {
    absl::MutexLock lock(&mu_);
    return committed_;
  }

 private:
  Executor* const executor_;
  absl::Mutex mu_;
  std::map<TxnId, int> prepared_ ABSL_GUARDED_BY(mu_);
  std::set<TxnId> committed_ ABSL_GUARDED_BY(mu_);
  int balance_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t calls_ ABSL_GUARDED_BY(mu_) = 0;
};

class DriverThreadsTest : public ::testing::Test {
 protected:
  struct Shard {
    std::unique_ptr<FileLogStore> log;
    std::unique_ptr<Account> account;
    std::unique_ptr<Participant> role;
  };

  DriverThreadsTest() {
    std::string pattern = ::testing::TempDir() + "driver_threads_XXXXXX";
    directory_ = mkdtemp(pattern.data());
    executor_ = *ThreadExecutor::Create({3});
    net_ = std::make_unique<InProcessTransport>(executor_.get());
    log_ = CreateLog("bank");
    for (const char* name : {"a", "b", "c"}) {
      shards_[name].log = CreateLog(name);
      shards_[name].account = std::make_unique<Account>(executor_.get());
      OpenShard(name);
    }
    OpenBank();
  }
  ~DriverThreadsTest() override {
    CloseBank();
    for (auto& [name, shard] : shards_) CloseShard(name);
    net_.reset();
    executor_.reset();  // Drops what an account had posted.
    shards_.clear();
    log_.reset();
    std::filesystem::remove_all(directory_);
  }

  std::unique_ptr<FileLogStore> CreateLog(const std::string& name) {
    FileLogOptions options;
    options.segment_size = size_t{1} << 20;
    options.record_size_max = size_t{64} << 10;
    auto log = FileLogStore::Create(directory_ + "/" + name, options);
    EXPECT_TRUE(log.ok()) << log.status();
    return *std::move(log);
  }
  void OpenBank() {
    CoordinatorOptions options;
    options.max_branches = 64;  // For the log's small records.
    auto opened = Coordinator::Open(executor_.get(), net_.get(), log_.get(),
                                    "bank", options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    bank_ = *std::move(opened);
    net_->Register("bank", [bank = bank_.get()](Envelope e) {
      bank->Receive(std::move(e));
    });
  }
  void OpenShard(const std::string& name) {
    Shard& shard = shards_[name];
    ParticipantOptions options;
    options.inquire_min = absl::Milliseconds(20);
    options.max_work_bytes = size_t{32} << 10;
    auto opened =
        Participant::Open(executor_.get(), net_.get(), shard.log.get(),
                          shard.account.get(), name, options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    shard.role = *std::move(opened);
    net_->Register(name, [role = shard.role.get()](Envelope e) {
      role->Receive(std::move(e));
    });
  }
  void CloseBank() {
    net_->Unregister("bank");
    bank_.reset();
  }
  void CloseShard(const std::string& name) {
    net_->Unregister(name);
    shards_[name].role.reset();
  }

  static std::vector<Branch> Transfer(int i) {
    const std::vector<std::string> names = {"a", "b", "c"};
    const std::string amount = std::to_string(i % 17 + 1);
    const size_t from = static_cast<size_t>(i) % 3;
    const size_t to = (from + 1 + static_cast<size_t>(i / 3) % 2) % 3;
    return {{names[from], "-" + amount}, {names[to], amount}};
  }

  void Drain() {
    Event drained;
    bank_->Drain([&] { drained.Notify(); });
    ASSERT_TRUE(drained.Wait());
  }

  // Nothing is prepared, the books are balanced, and whoever committed was not
  // alone.
  void ExpectAllOrNothing() {
    int total = 0;
    std::map<TxnId, int> committed;
    for (auto& [name, shard] : shards_) {
      ASSERT_TRUE(shard.account->WaitUntilSettled()) << name;
      EXPECT_THAT(shard.role->InDoubt(), IsEmpty()) << name;
      EXPECT_TRUE(shard.role->Health().ok()) << shard.role->Health();
      total += shard.account->balance();
      for (const TxnId& id : shard.account->committed()) ++committed[id];
    }
    EXPECT_EQ(total, 0);
    for (const auto& [id, count] : committed) {
      EXPECT_EQ(count, 2) << id.ToString();
    }
  }

  std::string directory_;
  std::unique_ptr<ThreadExecutor> executor_;
  std::unique_ptr<InProcessTransport> net_;
  std::unique_ptr<FileLogStore> log_;
  std::map<std::string, Shard> shards_;
  std::unique_ptr<Coordinator> bank_;
};

TEST_F(DriverThreadsTest, ManyClientsBlockAndMoneyIsConserved) {
  constexpr int kClients = 6;
  constexpr int kTransfers = 60;
  std::atomic<int> commits{0};
  std::vector<std::thread> clients;
  for (int client = 0; client < kClients; ++client) {
    clients.emplace_back([&, client] {
      for (int i = 0; i < kTransfers; ++i) {
        const auto outcome = bank_->Run(Transfer(client * kTransfers + i));
        ASSERT_TRUE(outcome.ok()) << outcome.status();
        if (outcome->decision == Decision::kCommit) ++commits;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(commits, kClients * kTransfers);
  Drain();
  ExpectAllOrNothing();
  EXPECT_THAT(bank_->Untold(), IsEmpty());
}

TEST_F(DriverThreadsTest, ManyInFlightShareForcesAndEnvelopes) {
  constexpr int kTransfers = 3000;
  SharedState state;
  int commits = 0;
  for (int i = 0; i < kTransfers; ++i) {
    bank_->RunAsync(Transfer(i), {absl::Minutes(1)},
                    [&](absl::StatusOr<Outcome> outcome) {
                      ASSERT_TRUE(outcome.ok()) << outcome.status();
                      EXPECT_EQ(outcome->decision, Decision::kCommit);
                      state.Update([&] { ++commits; });
                    });
  }
  ASSERT_TRUE(state.WaitFor([&] { return commits == kTransfers; }));
  Drain();
  ExpectAllOrNothing();
  EXPECT_LT(log_->stats().syncs, uint64_t{kTransfers} / 2);
  const TxnCounters counters = bank_->Counters();
  EXPECT_LT(counters.envelopes_sent, counters.messages_sent);
  EXPECT_GE(counters.messages_sent, 4u * kTransfers);
}

// Answers are counted, and each must come once.
struct Answers {
  SharedState state;
  int came = 0;
  std::set<TxnId> committed;
  std::set<TxnId> aborted;

  Coordinator::RunDone Done() {
    return [this, once = std::make_shared<std::atomic<int>>(0)](
               absl::StatusOr<Outcome> outcome) {
      EXPECT_EQ(once->fetch_add(1), 0);
      EXPECT_TRUE(outcome.ok() || absl::IsCancelled(outcome.status()))
          << outcome.status();
      state.Update([&] {
        ++came;
        if (!outcome.ok() || !outcome->decision.has_value()) return;
        (*outcome->decision == Decision::kCommit ? committed : aborted)
            .insert(outcome->id);
      });
    };
  }
};

TEST_F(DriverThreadsTest, ACoordinatorDestroyedAtAnyMomentIsResumed) {
  constexpr int kRounds = 15;
  constexpr int kTransfers = 40;
  Answers answers;
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < kTransfers; ++i) {
      bank_->RunAsync(Transfer(i), {absl::Minutes(1)}, answers.Done());
    }
    const int so_far = round * kTransfers;
    ASSERT_TRUE(answers.state.WaitFor(
        [&] { return answers.came >= so_far + round % kTransfers; }));
    CloseBank();
    answers.state.Update([&] { EXPECT_EQ(answers.came, so_far + kTransfers); });
    OpenBank();
  }
  Drain();
  ExpectAllOrNothing();
  std::set<TxnId> committed;
  for (auto& [name, shard] : shards_) {
    const std::set<TxnId> some = shard.account->committed();
    committed.insert(some.begin(), some.end());
  }
  EXPECT_TRUE(std::includes(committed.begin(), committed.end(),
                            answers.committed.begin(), answers.committed.end()))
      << "what the caller was told never contradicts anybody";
  for (const TxnId& id : answers.aborted) EXPECT_EQ(committed.count(id), 0u);
}

TEST_F(DriverThreadsTest, AParticipantDestroyedAtAnyMomentIsResumed) {
  constexpr int kRounds = 8;
  constexpr int kTransfers = 40;
  Answers answers;
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < kTransfers; ++i) {
      bank_->RunAsync(Transfer(i), {absl::Minutes(1)}, answers.Done());
    }
    const int so_far = round * kTransfers;
    ASSERT_TRUE(answers.state.WaitFor(
        [&] { return answers.came >= so_far + round % kTransfers / 2; }));
    CloseShard("b");
    OpenShard("b");
    ASSERT_TRUE(answers.state.WaitFor(
        [&] { return answers.came == so_far + kTransfers; }));
  }
  Drain();
  ExpectAllOrNothing();
}

}  // namespace
}  // namespace trivet
