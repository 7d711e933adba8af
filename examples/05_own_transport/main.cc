// SPDX-License-Identifier: Apache-2.0
//
// Two processes that share nothing but a socket: a shop, which coordinates, and
// its warehouse and its till, which take part. The transport between them is
// the host's own: see stream_transport.h.
//
//   $ ./own_transport
//   order 1: commit
//   order 2: abort (the warehouse has 1 left)
//   order 3: commit

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

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
#include "absl/synchronization/notification.h"
#include "stream_transport.h"
#include "trivet/adapters/file/file_log_store.h"
#include "trivet/adapters/thread/thread_executor.h"
#include "trivet/txn/coordinator.h"
#include "trivet/txn/participant.h"
#include "trivet/txn/resource.h"

namespace {

template <typename T>
T OrDie(absl::StatusOr<T> result) {
  if (!result.ok()) {
    std::cerr << result.status() << std::endl;
    std::exit(1);
  }
  return *std::move(result);
}

// A number that a transaction takes something from, as long as there is enough.
// (A real one keeps it, and what is promised, on a disk.)
class Stock final : public trivet::Resource {
 public:
  Stock(std::string name, int left) : name_(std::move(name)), left_(left) {}

  void ListPrepared(
      absl::AnyInvocable<void(absl::StatusOr<std::vector<trivet::TxnId>>) &&>
          done) override {
    std::vector<trivet::TxnId> ids;
    {
      absl::MutexLock lock(&mu_);
      for (const auto& [id, taken] : promised_) ids.push_back(id);
    }
    std::move(done)(std::move(ids));
  }

  void Prepare(const trivet::TxnId& id, std::string work,
               absl::AnyInvocable<void(trivet::Vote) &&> done) override {
    trivet::Vote vote(trivet::Vote::kYes);
    const int wanted = std::stoi(work);
    {
      absl::MutexLock lock(&mu_);
      if (promised_.count(id) == 0) {
        if (wanted > left_) {
          vote = trivet::Vote(
              trivet::Vote::kNo,
              "the " + name_ + " has " + std::to_string(left_) + " left");
        } else {
          promised_[id] = wanted;
          left_ -= wanted;
        }
      }
    }
    std::move(done)(std::move(vote));
  }

  void Apply(const trivet::TxnId& id, trivet::Decision decision,
             std::string /*work*/,
             absl::AnyInvocable<void(absl::Status) &&> done) override {
    {
      absl::MutexLock lock(&mu_);
      const auto promised = promised_.find(id);
      if (promised != promised_.end()) {
        if (decision == trivet::Decision::kAbort) left_ += promised->second;
        promised_.erase(promised);
      }
    }
    std::move(done)(absl::OkStatus());
  }

 private:
  const std::string name_;
  absl::Mutex mu_;
  int left_;
  std::map<trivet::TxnId, int> promised_;
};

// The process that keeps the stocks, until the shop hangs up.
int RunStocks(int socket, const std::filesystem::path& directory) {
  const auto executor = OrDie(trivet::ThreadExecutor::Create());
  const auto warehouse_log =
      OrDie(trivet::FileLogStore::Create(directory / "warehouse"));
  const auto till_log = OrDie(trivet::FileLogStore::Create(directory / "till"));
  Stock goods("warehouse", 3);
  Stock vouchers("till", 100);
  StreamTransport net(socket);

  const auto warehouse = OrDie(trivet::Participant::Open(
      executor.get(), &net, warehouse_log.get(), &goods, "warehouse", {}));
  const auto till = OrDie(trivet::Participant::Open(
      executor.get(), &net, till_log.get(), &vouchers, "till", {}));
  net.Serve("warehouse",
            [&](trivet::Envelope e) { warehouse->Receive(std::move(e)); });
  net.Serve("till", [&](trivet::Envelope e) { till->Receive(std::move(e)); });
  net.Start();
  net.WaitForEnd();
  net.Stop();  // Before the roles that it serves are destroyed.
  return 0;
}

// The process that sells. Each order takes from the warehouse and the till.
int RunShop(int socket, const std::filesystem::path& directory) {
  const auto executor = OrDie(trivet::ThreadExecutor::Create());
  const auto log = OrDie(trivet::FileLogStore::Create(directory / "shop"));
  StreamTransport net(socket);
  const auto shop = OrDie(
      trivet::Coordinator::Open(executor.get(), &net, log.get(), "shop", {}));
  net.Serve("shop", [&](trivet::Envelope e) { shop->Receive(std::move(e)); });
  net.Start();

  int committed = 0;
  int order = 0;
  for (const char* pieces : {"2", "2", "1"}) {
    const trivet::Outcome outcome =
        OrDie(shop->Run({{"warehouse", pieces}, {"till", "1"}}));
    const bool is_commit = outcome.decision == trivet::Decision::kCommit;
    std::cout << "order " << ++order << ": "
              << (is_commit ? "commit" : "abort (" + outcome.reason + ")")
              << std::endl;
    committed += is_commit ? 1 : 0;
  }

  absl::Notification drained;  // The stocks have heard of it all.
  shop->Drain([&] { drained.Notify(); });
  drained.WaitForNotification();
  net.Stop();
  return committed == 2 ? 0 : 1;
}

}  // namespace

int main() {
  std::string pattern =
      std::filesystem::temp_directory_path() / "own_transport_XXXXXX";
  int sockets[2];
  if (mkdtemp(pattern.data()) == nullptr ||
      socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0) {
    std::cerr << "no directory or no sockets\n";
    return 1;
  }
  const std::filesystem::path directory = pattern;

  // Before there are threads: neither process has anything of the other's.
  const pid_t stocks = fork();
  if (stocks < 0) return 1;
  if (stocks == 0) {
    close(sockets[0]);
    return RunStocks(sockets[1], directory);
  }
  close(sockets[1]);
  const int shop_result = RunShop(sockets[0], directory);
  int stocks_result = 0;
  waitpid(stocks, &stocks_result, 0);
  std::filesystem::remove_all(directory);
  return shop_result == 0 && stocks_result == 0 ? 0 : 1;
}
