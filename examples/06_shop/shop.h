// SPDX-License-Identifier: Apache-2.0
//
// The shop, put together: one process that plays a whole cluster.
//
//   Checkout --orders--> Chair --> Front "front-1" --> Coordinator "shop"
//                                  Front "front-2"          |  two-phase commit
//                                  (waits)                  v
//   Keeper: who is alive?   node-1  node-2  node-3  node-4  node-5  (node-6)
//   OrderReader: looks for one half of an order
//   Script: breaks all of the above

#ifndef SHOP_SHOP_H_
#define SHOP_SHOP_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "checkout.h"
#include "console.h"
#include "directory.h"
#include "front.h"
#include "keeper.h"
#include "node.h"
#include "outcomes.h"
#include "reader.h"
#include "script.h"
#include "setup.h"
#include "trivet/adapters/file/file_log_store.h"
#include "trivet/adapters/file/file_versioned_store.h"
#include "trivet/adapters/inprocess/inprocess_transport.h"
#include "trivet/lock/cas_lock_backend.h"
#include "valve.h"

namespace shop {

class Shop {
 public:
  // What a run looked like.
  struct Summary {
    Checkout::Tally tally;
    size_t decided_before = 0;    // By earlier runs.
    int64_t runs = 0;             // With this one.
    double seconds = 0;           // Of this run, without the audit.
    std::vector<double> latency;  // Of each order of this run, sorted.
    std::vector<FaultNote> faults;
    std::vector<std::string> shares;
  };

  Shop(Console* console, trivet::Executor* executor, const Options& options,
       const OrdersFile& orders);
  ~Shop();  // Closes every file.

  // Opens or fills the directory and runs all orders that have no verdict yet.
  absl::StatusOr<Summary> Run();

 private:
  absl::Status OpenFiles();
  absl::Status OpenRoles();
  absl::StatusOr<std::unique_ptr<Front>> Hire(const std::string& name);
  absl::Status RunOrders();
  // Takes no more work and waits until nobody is in doubt.
  absl::Status Settle();
  absl::Status SettleNode(const std::string& id);
  void OnDecided(const Checkout::Tally& tally);

  Console* const console_;
  trivet::Executor* const executor_;
  const Options& options_;
  const OrdersFile& orders_;
  const size_t progress_;
  size_t decided_before_ = 0;

  // In the order in which they need each other.
  Alarm alarm_;
  Valve outcomes_valve_;  // Always open.
  std::optional<LogPort> outcomes_port_;
  std::unique_ptr<Checkout> checkout_;
  trivet::InProcessTransport network_;
  std::unique_ptr<trivet::FileVersionedStore> registers_;
  std::unique_ptr<trivet::CasLockBackend> leases_;
  std::unique_ptr<trivet::FileLogStore> coordinator_log_;
  std::unique_ptr<Outcomes> outcomes_;
  std::unique_ptr<trivet::FileLogStore> outcomes_log_;
  std::unique_ptr<Directory> directory_;
  std::unique_ptr<FaultNotes> notes_;
  Room room_;
  Chair chair_;
  Cluster cluster_;
  std::vector<std::unique_ptr<Front>> fronts_;
  std::unique_ptr<Keeper> keeper_;
  std::unique_ptr<OrderReader> reader_;
};

}  // namespace shop

#endif  // SHOP_SHOP_H_
