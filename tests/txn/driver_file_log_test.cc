// SPDX-License-Identifier: Apache-2.0
//
// The limits of the roles fit into the file log: whatever a coordinator admits
// can be written down and read back, with the options as they come.

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "src/txn/codec.h"
#include "src/txn/peer_table.h"
#include "tests/support/memory_log_store.h"
#include "tests/support/real_time.h"
#include "tests/support/temp_dir.h"
#include "trivet/adapters/file/file_log_store.h"
#include "trivet/adapters/inprocess/inprocess_transport.h"
#include "trivet/adapters/thread/thread_executor.h"
#include "trivet/host/transport.h"
#include "trivet/txn/coordinator.h"
#include "trivet/txn/participant.h"
#include "trivet/txn/resource.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_record.h"

namespace trivet {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Votes yes to everything.
class Yes final : public Resource {
 public:
  void ListPrepared(
      absl::AnyInvocable<void(absl::StatusOr<std::vector<TxnId>>) &&> done)
      override {
    std::move(done)(std::vector<TxnId>());
  }
  void Prepare(const TxnId&, std::string,
               absl::AnyInvocable<void(Vote) &&> done) override {
    std::move(done)(Vote(Vote::kYes));
  }
  void Apply(const TxnId&, Decision decision, std::string work,
             absl::AnyInvocable<void(absl::Status) &&> done) override {
    EXPECT_EQ(decision, Decision::kCommit);
    applied.Done()(std::move(work));
    std::move(done)(absl::OkStatus());
  }

  Awaiter<std::string> applied;
};

// Tells when `role` has sent something.
class WatchedNet final : public Transport {
 public:
  WatchedNet(Executor* executor, std::string role)
      : inner(executor), role_(std::move(role)) {}

  void Send(Envelope envelope) override {
    if (envelope.from == role_) role_has_sent.Notify();
    inner.Send(std::move(envelope));
  }

  InProcessTransport inner;
  Event role_has_sent;

 private:
  const std::string role_;
};

TEST(DriverFileLogTest, AMaximalBranchIsPreparedAndRecovered) {
  const std::string bank_name(479, 'c');
  const std::string shard_name(512, 'p');
  const std::string work(CoordinatorOptions().max_work_bytes, 'w');
  const TempDir directory;
  const auto executor = *ThreadExecutor::Create({2});
  Yes resource;
  WatchedNet net(executor.get(), shard_name);

  auto log = FileLogStore::Create(directory.Sub("shard"));
  ASSERT_TRUE(log.ok()) << log.status();
  std::unique_ptr<Participant> shard;
  const auto open_shard = [&] {
    auto opened = Participant::Open(executor.get(), &net, log->get(), &resource,
                                    shard_name, {});
    ASSERT_TRUE(opened.ok()) << opened.status();
    shard = *std::move(opened);
    net.inner.Register(shard_name, [role = shard.get()](Envelope e) {
      role->Receive(std::move(e));
    });
  };
  open_shard();
  MemoryLogStore bank_log;
  auto bank = Coordinator::Open(executor.get(), &net, &bank_log, bank_name, {});
  ASSERT_TRUE(bank.ok()) << bank.status();
  net.inner.Register(bank_name,
                     [&](Envelope e) { (*bank)->Receive(std::move(e)); });

  bank_log.Hold();  // The decision does not come yet.
  Awaiter<absl::StatusOr<Outcome>> outcome;
  (*bank)->RunAsync({{shard_name, work}}, outcome.Done());
  ASSERT_TRUE(net.role_has_sent.Wait());  // Its vote.
  EXPECT_TRUE(shard->Health().ok()) << shard->Health();

  net.inner.Unregister(shard_name);
  shard.reset();
  log->reset();
  log = FileLogStore::Open(directory.Sub("shard"));
  ASSERT_TRUE(log.ok()) << log.status();
  open_shard();
  EXPECT_THAT(shard->InDoubt(), SizeIs(1));

  bank_log.Release();
  EXPECT_EQ(outcome.Wait()->decision, Decision::kCommit);
  EXPECT_EQ(resource.applied.Wait(), work);

  net.inner.Unregister(bank_name);
  net.inner.Unregister(shard_name);
}

TEST(DriverFileLogTest, ALogOfTooSmallRecordsIsRefused) {
  const TempDir directory;
  const auto executor = *ThreadExecutor::Create({1});
  Yes resource;
  InProcessTransport net(executor.get());
  FileLogOptions small;
  small.record_size_max = CoordinatorOptions().max_work_bytes;
  const auto log = FileLogStore::Create(directory.Sub("shard"), small);
  ASSERT_TRUE(log.ok()) << log.status();
  const absl::Status status =
      Participant::Open(executor.get(), &net, log->get(), &resource, "a", {})
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.ToString(),
              AllOf(HasSubstr("max_work_bytes is 1048576"),
                    HasSubstr("RecordSizeMax of the log is 1048576")));
}

TEST(DriverFileLogTest, ADecisionOverAMaximumOfBranchesFits) {
  const CoordinatorOptions options;
  internal::PeerTable peers;
  const std::string coordinator(512, 'c');
  CommitDecided record{{peers.Intern(coordinator), {~uint64_t{0}, 1}}, {}};
  for (size_t i = 0; i < options.max_branches; ++i) {
    std::string name = std::to_string(i);
    name.resize(512, 'p');
    record.yes_voters.push_back(peers.Intern(name));
  }
  const size_t size = internal::EncodeRecord(record, peers).size();
  EXPECT_LE(size, options.max_branches * 514 + 1024) << "as the header says";
  EXPECT_LE(size, FileLogOptions().record_size_max);
}

}  // namespace
}  // namespace trivet
