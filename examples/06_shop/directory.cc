// SPDX-License-Identifier: Apache-2.0

#include "directory.h"

#include <algorithm>
#include <array>
#include <optional>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"

namespace shop {
namespace {

using trivet::HashRing;
using trivet::RangeTransfer;

constexpr char kRegister[] = "membership";
constexpr size_t kStepsMax = 32;  // Enough that each is over in a moment.

// What the ring says should move for the last of these changes.
absl::StatusOr<std::vector<RangeTransfer>> TransfersOf(
    const Membership& members) {
  const size_t changes = members.changes.size();
  const absl::StatusOr<HashRing> before = RingOf(members.After(changes - 1));
  if (!before.ok()) return before.status();
  const absl::StatusOr<HashRing> after = RingOf(members.After(changes));
  if (!after.ok()) return after.status();
  return trivet::Diff(*before, *after, kReplicas);
}

}  // namespace

std::vector<std::string> Membership::After(size_t changes_done) const {
  std::vector<std::string> nodes = first;
  for (size_t i = 0; i < changes_done; ++i) {
    const Change& change = changes[i];
    if (change.kind == Change::kJoined)
      nodes.push_back(change.node);
    else
      nodes.erase(std::remove(nodes.begin(), nodes.end(), change.node),
                  nodes.end());
  }
  return nodes;
}

const Change* Membership::Find(Change::Kind kind,
                               const std::string& node) const {
  for (const Change& change : changes)
    if (change.kind == kind && change.node == node) return &change;
  return nullptr;
}

std::string Membership::ToString() const {
  std::string text = "first";
  for (const std::string& node : first) absl::StrAppend(&text, " ", node);
  for (const Change& change : changes)
    absl::StrAppend(&text, "\n",
                    change.kind == Change::kJoined ? "joined " : "lost ",
                    change.node, " ", change.steps, " ", change.steps_done, " ",
                    change.ranges, " ", change.rows_moved);
  return text;
}

absl::StatusOr<Membership> Membership::Parse(const std::string& text) {
  Membership members;
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string what;
    words >> what;
    if (what == "first") {
      for (std::string node; words >> node;) members.first.push_back(node);
      continue;
    }
    Change change;
    change.kind = what == "joined" ? Change::kJoined : Change::kLost;
    if ((what != "joined" && what != "lost") ||
        !(words >> change.node >> change.steps >> change.steps_done >>
          change.ranges >> change.rows_moved))
      return absl::DataLossError(
          absl::StrCat("the register '", kRegister, "' holds: ", line));
    members.changes.push_back(std::move(change));
  }
  return members;
}

absl::StatusOr<HashRing> RingOf(const std::vector<std::string>& nodes) {
  HashRing::Builder builder;
  for (const std::string& node : nodes) builder.Add(node);
  return builder.Build();
}

Place PlaceOf(const HashRing& ring, const std::string& row) {
  std::array<const trivet::RingNode*, kReplicas> nodes{};
  Place place;
  place.row = row;
  for (const trivet::RingNode* node :
       ring.PreferenceList(row, absl::MakeSpan(nodes)))
    place.nodes.push_back(node->id);
  return place;
}

Plan::Plan(Membership membership, HashRing before, HashRing after)
    : membership_(std::move(membership)),
      before_(std::move(before)),
      after_(std::move(after)) {
  if (moving() != nullptr)
    transfers_ = trivet::Diff(before_, after_, kReplicas);
}

absl::StatusOr<Plan> Plan::Make(Membership membership) {
  const size_t changes = membership.changes.size();
  const bool moving = changes > 0 && !membership.changes.back().Finished();
  absl::StatusOr<HashRing> after = RingOf(membership.After(changes));
  if (!after.ok()) return after.status();
  if (!moving) return Plan(std::move(membership), *after, *after);
  absl::StatusOr<HashRing> before = RingOf(membership.After(changes - 1));
  if (!before.ok()) return before.status();
  return Plan(std::move(membership), *std::move(before), *std::move(after));
}

const Change* Plan::moving() const {
  const std::vector<Change>& changes = membership_.changes;
  return changes.empty() || changes.back().Finished() ? nullptr
                                                      : &changes.back();
}

size_t Plan::TransferOf(const std::string& row) const {
  if (transfers_.empty()) return kNowhere;
  const trivet::Token token = after_.TokenOf(row);
  // One node changes at a time, so ranges never overlap. Past the last one,
  // only the first can hold the token, by wrapping.
  auto found =
      std::lower_bound(transfers_.begin(), transfers_.end(), token,
                       [](const RangeTransfer& t, trivet::Token wanted) {
                         return t.range.through < wanted;
                       });
  if (found == transfers_.end()) found = transfers_.begin();
  if (!found->range.Contains(token)) return kNowhere;
  return static_cast<size_t>(found - transfers_.begin());
}

size_t Plan::StepOf(const std::string& row) const {
  const size_t transfer = TransferOf(row);
  if (transfer == kNowhere) return kNowhere;
  return transfer * moving()->steps / transfers_.size();
}

Place Plan::Where(const std::string& row) const {
  const size_t step = StepOf(row);
  const bool switched = step == kNowhere || step < moving()->steps_done;
  return PlaceOf(switched ? after_ : before_, row);
}

absl::Status Directory::Create(trivet::VersionedStore* registers,
                               std::vector<std::string> nodes) {
  Register reg(registers, kRegister);
  const absl::StatusOr<std::string> now = reg.Read();
  if (!now.ok()) return now.status();
  Membership members;
  members.first = std::move(nodes);
  return reg.Write(members.ToString());
}

absl::StatusOr<std::unique_ptr<Directory>> Directory::Open(
    trivet::VersionedStore* registers) {
  Register reg(registers, kRegister);
  const absl::StatusOr<std::string> text = reg.Read();
  if (!text.ok()) return text.status();
  if (text->empty()) return absl::NotFoundError("there is no membership yet");
  absl::StatusOr<Membership> members = Membership::Parse(*text);
  if (!members.ok()) return members.status();
  absl::StatusOr<Plan> plan = Plan::Make(*std::move(members));
  if (!plan.ok()) return plan.status();
  std::unique_ptr<Directory> directory(new Directory(std::move(reg)));
  absl::MutexLock lock(&directory->mu_);
  directory->plan_ = std::make_shared<const Plan>(*std::move(plan));
  return directory;
}

std::shared_ptr<const Plan> Directory::plan() const {
  absl::MutexLock lock(&mu_);
  return plan_;
}

bool Directory::AwaitOther(const Plan* known, absl::Duration timeout) const {
  const auto is_other = [&] {
    mu_.AssertReaderHeld();
    return plan_.get() != known;
  };
  absl::MutexLock lock(&mu_);
  return mu_.AwaitWithTimeout(absl::Condition(&is_other), timeout);
}

absl::StatusOr<Place> Directory::Route(const std::string& row) const {
  std::shared_ptr<const Plan> plan;
  bool frozen = false;
  {
    absl::MutexLock lock(&mu_);
    if (closed_) return absl::UnavailableError("the shop is closed");
    plan = plan_;
    frozen = frozen_;
  }
  if (const Change* const change = plan->moving(); change != nullptr) {
    const size_t step = plan->StepOf(row);
    if (frozen && step == change->steps_done)
      return absl::UnavailableError("the row is moving");
    if (change->kind == Change::kLost && step != Plan::kNowhere &&
        step >= change->steps_done)
      return absl::UnavailableError("the row waits to be rebuilt");
  }
  return plan->Where(row);
}

absl::Status Directory::Check(const Place& place) const {
  const absl::StatusOr<Place> now = Route(place.row);
  if (!now.ok()) return now.status();
  if (*now == place) return absl::OkStatus();
  return absl::UnavailableError("the row has moved");
}

absl::Status Directory::Write(Membership membership) {
  absl::StatusOr<Plan> plan = Plan::Make(std::move(membership));
  if (!plan.ok()) return plan.status();
  const absl::Status written = register_.Write(plan->membership().ToString());
  if (!written.ok()) return written;
  absl::MutexLock lock(&mu_);
  plan_ = std::make_shared<const Plan>(*std::move(plan));
  frozen_ = false;
  return absl::OkStatus();
}

absl::Status Directory::Begin(Change::Kind kind, const std::string& node) {
  Membership members = plan()->membership();
  Change change;
  change.kind = kind;
  change.node = node;
  members.changes.push_back(change);
  const absl::StatusOr<std::vector<RangeTransfer>> transfers =
      TransfersOf(members);
  if (!transfers.ok()) return transfers.status();
  members.changes.back().ranges = transfers->size();
  members.changes.back().steps = std::min(kStepsMax, transfers->size());
  return Write(std::move(members));
}

void Directory::Freeze() {
  absl::MutexLock lock(&mu_);
  frozen_ = true;
}

void Directory::Close() {
  absl::MutexLock lock(&mu_);
  closed_ = true;
}

absl::Status Directory::Switch(int64_t rows_moved) {
  Membership members = plan()->membership();
  Change& change = members.changes.back();
  ++change.steps_done;
  change.rows_moved += rows_moved;
  return Write(std::move(members));
}

}  // namespace shop
