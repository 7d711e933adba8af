// SPDX-License-Identifier: Apache-2.0

#include "reader.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace shop {

OrderReader::OrderReader(Console* console, const Directory* directory,
                         Cluster* cluster, const Checkout* checkout,
                         Outcomes* outcomes, uint64_t seed)
    : console_(console),
      directory_(directory),
      cluster_(cluster),
      checkout_(checkout),
      outcomes_(outcomes),
      random_(seed),
      thread_([this] { Work(); }) {}

OrderReader::~OrderReader() {
  stop_.Notify();
  thread_.join();
  Note();
}

void OrderReader::Work() {
  while (!stop_.WaitForNotificationWithTimeout(absl::Milliseconds(1))) {
    random_ = random_ * 6364136223846793005u + 1442695040888963407u;
    const Order* const order = checkout_->Sample(random_ >> 33);
    if (order == nullptr) continue;
    ++looks_;
    if (!LooksWhole(*order)) {
      ++halves_;
      console_->Say(absl::StrCat("READER SAW ONE HALF OF ORDER ", order->id));
      Note();
    }
    if (looks_ == 500) Note();
  }
}

void OrderReader::Note() {
  outcomes_->NoteLooks(looks_, halves_);
  looks_ = halves_ = 0;
}

bool OrderReader::LooksWhole(const Order& order) {
  const absl::StatusOr<Place> account = directory_->Route(AccountKey(order));
  const absl::StatusOr<Place> stock = directory_->Route(StockKey(order));
  if (!account.ok() || !stock.ok()) return true;  // Moving: nothing to read.
  std::vector<Spot> spots;
  for (const Place* place : {&*account, &*stock})
    for (const std::string& node : place->nodes)
      spots.push_back({place, &node, Standing::kNoRow});
  for (Spot& spot : spots) {
    const Shard::Sight sight = LookAt(spot, order);
    if (sight.left < 0) return false;
    spot.standing = sight.standing;
  }
  const auto is_applied = [](const Spot& spot) {
    return spot.standing == Standing::kApplied;
  };
  if (std::none_of(spots.begin(), spots.end(), is_applied)) return true;
  // One copy has it, so from now on every copy has it, or will.
  return std::all_of(spots.begin(), spots.end(), [&](const Spot& spot) {
    return is_applied(spot) || Settled(spot, order) == Standing::kApplied;
  });
}

Shard::Sight OrderReader::LookAt(const Spot& spot, const Order& order) {
  Shard::Sight sight;
  cluster_->With(*spot.node, [&](Node& node) {
    sight = node.shard().Look(spot.place->row, order.id);
  });
  return sight;
}

Standing OrderReader::Settled(const Spot& spot, const Order& order) {
  Shard::Sight sight = LookAt(spot, order);
  while (sight.standing == Standing::kReserved) {
    if (stop_.WaitForNotificationWithTimeout(absl::Milliseconds(1)))
      return Standing::kApplied;
    sight = LookAt(spot, order);
  }
  if (sight.standing == Standing::kNoRow ||
      !directory_->Check(*spot.place).ok())
    return Standing::kApplied;
  return sight.standing;
}

}  // namespace shop
