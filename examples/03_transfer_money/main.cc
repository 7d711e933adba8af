// SPDX-License-Identifier: Apache-2.0
//
// Two accounts, kept by two participants with a log each, and a coordinator
// that moves money between them: all of a transfer happens, or none of it.
//
//   $ ./transfer_money
//   alice -> bob 30: commit
//   alice -> bob 500: abort (alice has 70)
//   alice 70 + bob 80 = 150

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "trivet/adapters/file/file_log_store.h"
#include "trivet/adapters/inprocess/inprocess_transport.h"
#include "trivet/adapters/thread/thread_executor.h"
#include "trivet/txn/coordinator.h"
#include "trivet/txn/participant.h"
#include "trivet/txn/resource.h"

namespace {

// What a participant changes: one balance. The work of a transaction is a
// number to add to it, as text.
//
// A real account is on a disk, and both a yes and an applied decision are there
// before they are reported. This one lives as long as the program.
class Account final : public trivet::Resource {
 public:
  Account(std::string owner, int balance)
      : owner_(std::move(owner)), balance_(balance) {}

  void ListPrepared(
      absl::AnyInvocable<void(absl::StatusOr<std::vector<trivet::TxnId>>) &&>
          done) override {
    std::vector<trivet::TxnId> ids;
    {
      absl::MutexLock lock(&mu_);
      for (const auto& [name, prepared] : prepared_) ids.push_back(prepared.id);
    }
    std::move(done)(std::move(ids));
  }

  // Money that leaves is set aside by a yes: two transfers cannot both count on
  // it, whatever is decided about them and when.
  void Prepare(const trivet::TxnId& id, std::string work,
               absl::AnyInvocable<void(trivet::Vote) &&> done) override {
    trivet::Vote vote(trivet::Vote::kYes);
    const int change = std::stoi(work);
    {
      absl::MutexLock lock(&mu_);
      const int free = balance_ - set_aside_;
      if (prepared_.count(id.ToString()) > 0) {
        // Asked again: what was promised stays promised.
      } else if (free + change < 0) {
        vote = trivet::Vote(trivet::Vote::kNo,
                            owner_ + " has " + std::to_string(free));
      } else {
        prepared_[id.ToString()] = {id, change};
        if (change < 0) set_aside_ -= change;
      }
    }
    std::move(done)(std::move(vote));
  }

  // A decision for an id that is not prepared was carried out before.
  void Apply(const trivet::TxnId& id, trivet::Decision decision,
             std::string /*work*/,
             absl::AnyInvocable<void(absl::Status) &&> done) override {
    {
      absl::MutexLock lock(&mu_);
      const auto prepared = prepared_.find(id.ToString());
      if (prepared != prepared_.end()) {
        const int change = prepared->second.change;
        if (change < 0) set_aside_ += change;
        if (decision == trivet::Decision::kCommit) balance_ += change;
        prepared_.erase(prepared);
      }
    }
    std::move(done)(absl::OkStatus());
  }

  // The balance once nothing is prepared: no half of a transfer is in it.
  int SettledBalance() {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(
        +[](Account* self) { return self->prepared_.empty(); }, this));
    return balance_;
  }

 private:
  struct Prepared {
    trivet::TxnId id;
    int change;
  };

  const std::string owner_;
  absl::Mutex mu_;
  int balance_;
  int set_aside_ = 0;
  std::map<std::string, Prepared> prepared_;
};

// Ends the program if `result` is an error, else gives its value.
template <typename T>
T OrDie(absl::StatusOr<T> result) {
  if (!result.ok()) {
    std::cerr << result.status() << "\n";
    std::exit(1);
  }
  return *std::move(result);
}

// A directory for the logs, gone with the program.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string pattern =
        std::filesystem::temp_directory_path() / "transfer_money_XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) std::exit(1);
    path_ = pattern;
  }
  ~ScratchDirectory() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const {
    return (path_ / name).string();
  }

 private:
  std::filesystem::path path_;
};

void Transfer(trivet::Coordinator& bank, int amount) {
  std::cout << "alice -> bob " << amount << ": ";
  // [readme]
  // Each account is a participant with a log of its own. Both change, or none.
  const absl::StatusOr<trivet::Outcome> outcome = bank.Run(
      {{"alice", std::to_string(-amount)}, {"bob", std::to_string(amount)}});
  if (!outcome.ok()) {
    std::cout << "never begun: " << outcome.status() << "\n";
  } else if (outcome->decision == trivet::Decision::kCommit) {
    std::cout << "commit\n";
  } else if (outcome->decision == trivet::Decision::kAbort) {
    std::cout << "abort (" << outcome->reason << ")\n";
  } else {
    std::cout << "unknown until the log is back: ask OutcomeOf then\n";
  }
  // [/readme]
}

}  // namespace

int main() {
  // What the roles stand on. Each outlives what is built on it.
  const ScratchDirectory directory;
  const auto executor = OrDie(trivet::ThreadExecutor::Create());
  const auto bank_log = OrDie(trivet::FileLogStore::Create(directory / "bank"));
  const auto alice_log =
      OrDie(trivet::FileLogStore::Create(directory / "alice"));
  const auto bob_log = OrDie(trivet::FileLogStore::Create(directory / "bob"));
  Account alice_account("alice", 100);
  Account bob_account("bob", 50);
  trivet::InProcessTransport net(executor.get());

  // The roles.
  const auto alice = OrDie(trivet::Participant::Open(
      executor.get(), &net, alice_log.get(), &alice_account, "alice", {}));
  const auto bob = OrDie(trivet::Participant::Open(
      executor.get(), &net, bob_log.get(), &bob_account, "bob", {}));
  const auto bank = OrDie(trivet::Coordinator::Open(
      executor.get(), &net, bank_log.get(), "bank", {}));

  // Each is reached under its name.
  net.Register("alice",
               [&](trivet::Envelope e) { alice->Receive(std::move(e)); });
  net.Register("bob", [&](trivet::Envelope e) { bob->Receive(std::move(e)); });
  net.Register("bank",
               [&](trivet::Envelope e) { bank->Receive(std::move(e)); });

  Transfer(*bank, 30);
  Transfer(*bank, 500);

  // The outcome is final when it is reported; who took part learns it a moment
  // later.
  const int a = alice_account.SettledBalance();
  const int b = bob_account.SettledBalance();
  std::cout << "alice " << a << " + bob " << b << " = " << a + b << "\n";

  for (const char* role : {"alice", "bob", "bank"}) net.Unregister(role);
  return a == 70 && b == 80 ? 0 : 1;
}
