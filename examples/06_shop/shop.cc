// SPDX-License-Identifier: Apache-2.0

#include "shop.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace shop {

using trivet::FileLogStore;

Shop::Shop(Console* console, trivet::Executor* executor, const Options& options,
           const OrdersFile& orders)
    : console_(console),
      executor_(executor),
      options_(options),
      orders_(orders),
      progress_(options.progress > 0
                    ? static_cast<size_t>(options.progress)
                    : std::max<size_t>(1, orders.orders.size() / 50)),
      network_(executor),
      chair_([this](const std::string& name, trivet::FencingToken token) {
        console_->Say(absl::StrCat(name, " leads, token ", token.value));
        checkout_->PlaceAgain();
      }) {}

Shop::~Shop() {
  reader_.reset();
  keeper_.reset();
  if (checkout_ != nullptr) checkout_->Close();
  fronts_.clear();
  network_.Unregister("shop");
  cluster_.KillAll();
  outcomes_log_.reset();  // Its last callbacks reply to the checkout.
}

absl::Status Shop::OpenFiles() {
  auto registers = OpenData(executor_, options_, orders_);
  if (!registers.ok()) return registers.status();
  registers_ = *std::move(registers);
  auto directory = Directory::Open(registers_.get());
  if (!directory.ok()) return directory.status();
  directory_ = *std::move(directory);
  auto notes = FaultNotes::Read(registers_.get());
  if (!notes.ok()) return notes.status();
  notes_ = std::make_unique<FaultNotes>(*std::move(notes));
  auto log = FileLogStore::Open(CoordinatorDir(options_.data), LogOptions());
  if (!log.ok()) return log.status();
  coordinator_log_ = *std::move(log);
  log = FileLogStore::Open(OutcomesDir(options_.data), LogOptions());
  if (!log.ok()) return log.status();
  outcomes_log_ = *std::move(log);
  outcomes_port_.emplace(&outcomes_valve_, outcomes_log_.get(), &alarm_);
  auto outcomes = Outcomes::Open(&*outcomes_port_);
  if (!outcomes.ok()) return outcomes.status();
  outcomes_ = *std::move(outcomes);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Front>> Shop::Hire(const std::string& name) {
  return Front::Start({room_, coordinator_log_.get(), outcomes_.get(), &chair_},
                      name);
}

absl::Status Shop::OpenRoles() {
  leases_ =
      std::make_unique<trivet::CasLockBackend>(executor_, registers_.get());
  room_ = {options_.data,
           executor_,
           &network_,
           leases_.get(),
           directory_.get(),
           &alarm_,
           absl::Milliseconds(options_.lease_ms)};
  const FaultNote& loss = (*notes_)[Fault::kLoss];
  for (const trivet::RingNode& node : directory_->plan()->after().nodes()) {
    // Being destroyed with its data: there is nothing to come back.
    if (node.id == loss.node) continue;
    if (absl::Status up = cluster_.Start(room_, node.id); !up.ok()) return up;
  }
  checkout_ = std::make_unique<Checkout>(
      executor_, &orders_.orders, outcomes_->verdicts(),
      static_cast<size_t>(options_.in_flight),
      [this](const Checkout::Tally& tally) { OnDecided(tally); });
  decided_before_ = checkout_->tally().decided;
  network_.Register("shop", [this](trivet::Envelope envelope) {
    chair_.Receive(std::move(envelope));
  });
  for (const char* name : {"front-1", "front-2"}) {
    auto front = Hire(name);
    if (!front.ok()) return front.status();
    fronts_.push_back(*std::move(front));
  }
  auto keeper = Keeper::Start(console_, room_, directory_.get(), &cluster_);
  if (!keeper.ok()) return keeper.status();
  keeper_ = *std::move(keeper);
  reader_ = std::make_unique<OrderReader>(console_, directory_.get(), &cluster_,
                                          checkout_.get(), outcomes_.get(),
                                          static_cast<uint64_t>(options_.seed));
  checkout_->Open(&chair_);
  return absl::OkStatus();
}

absl::StatusOr<Shop::Summary> Shop::Run() {
  if (absl::Status opened = OpenFiles(); !opened.ok()) return opened;
  if (absl::Status opened = OpenRoles(); !opened.ok()) return opened;
  if (outcomes_->runs() > 1)
    console_->Say(absl::StrFormat(
        "continues run %d of this directory: %d of %d orders are decided",
        outcomes_->runs() - 1, decided_before_, orders_.orders.size()));
  const absl::Duration began = console_->Elapsed();
  if (absl::Status ran = RunOrders(); !ran.ok()) return ran;
  if (absl::Status settled = Settle(); !settled.ok()) return settled;
  Summary summary;
  summary.tally = checkout_->tally();
  summary.decided_before = decided_before_;
  summary.runs = outcomes_->runs();
  summary.seconds = absl::ToDoubleSeconds(console_->Elapsed() - began);
  summary.latency = checkout_->SecondsOfOrders();
  std::sort(summary.latency.begin(), summary.latency.end());
  for (size_t i = 0; i < kFaults; ++i)
    summary.faults.push_back((*notes_)[static_cast<Fault>(i)]);
  summary.shares = ShareBars(directory_->plan()->after());
  return summary;
}

absl::Status Shop::RunOrders() {
  Script::Cast cast;
  cast.console = console_;
  cast.room = room_;
  cast.directory = directory_.get();
  cast.cluster = &cluster_;
  cast.keeper = keeper_.get();
  cast.chair = &chair_;
  cast.checkout = checkout_.get();
  cast.notes = notes_.get();
  cast.hire = [this](const std::string& name) { return Hire(name); };
  Script script(std::move(cast), &fronts_, orders_.orders.size(),
                static_cast<size_t>(options_.in_flight),
                static_cast<uint64_t>(options_.seed));
  return script.Run();
}

// The last verdicts are told before all nodes have heard of them, and a request
// for an order that another node has refused may still be on its way.
absl::Status Shop::Settle() {
  keeper_->Retire(kPatience);
  directory_->Close();
  for (const std::string& id : cluster_.Up())
    if (absl::Status settled = SettleNode(id); !settled.ok()) return settled;
  return absl::OkStatus();
}

// A node's last word on a transaction may be on its way to its log when nothing
// is under way any more. So it is opened again, as after a crash, until its log
// leaves nothing undecided.
absl::Status Shop::SettleNode(const std::string& id) {
  const absl::Duration give_up = console_->Elapsed() + kPatience;
  size_t in_doubt = 1;
  while (in_doubt > 0 && console_->Elapsed() < give_up) {
    bool is_quiet = false;
    cluster_.With(id, [&](Node& node) { is_quiet = node.IsQuiet(); });
    if (!is_quiet) {
      const absl::Status alarm = alarm_.Await(absl::Milliseconds(5));
      if (!alarm.ok()) return alarm;
      continue;
    }
    cluster_.Kill(id);
    if (absl::Status up = cluster_.Start(room_, id); !up.ok()) return up;
    cluster_.With(id, [&](Node& node) { in_doubt = node.in_doubt_at_start(); });
  }
  return absl::OkStatus();  // If it never gets there, the audit says so.
}

// Called by one thread at a time.
void Shop::OnDecided(const Checkout::Tally& tally) {
  if (tally.decided % progress_ != 0 && tally.decided != orders_.orders.size())
    return;
  console_->Say(absl::StrFormat(
      "%6d of %d orders: %d sold, %d without funds, %d without stock",
      tally.decided, orders_.orders.size(), tally.sold, tally.no_money,
      tally.no_stock));
}

}  // namespace shop
