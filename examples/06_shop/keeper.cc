// SPDX-License-Identifier: Apache-2.0

#include "keeper.h"

#include <algorithm>
#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "registers.h"

namespace shop {

absl::StatusOr<std::unique_ptr<Keeper>> Keeper::Start(Console* console,
                                                      const Room& room,
                                                      Directory* directory,
                                                      Cluster* cluster) {
  std::unique_ptr<Keeper> keeper(new Keeper(console, room, directory, cluster));
  trivet::LockClientOptions options;
  options.lease = LeaseTimes(room.lease);
  auto locks = trivet::LockClient::Create(room.executor, room.leases, "keeper",
                                          std::move(options));
  if (!locks.ok()) return locks.status();
  keeper->locks_ = *std::move(locks);
  keeper->thread_ = std::thread([self = keeper.get()] { self->Work(); });
  return keeper;
}

Keeper::Keeper(Console* console, const Room& room, Directory* directory,
               Cluster* cluster)
    : console_(console),
      room_(room),
      directory_(directory),
      cluster_(cluster) {}

Keeper::~Keeper() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
  std::deque<Caught> caught;  // Leases die without the mutex, and before
  {                           // locks_.
    absl::MutexLock lock(&mu_);
    caught.swap(caught_);
  }
  caught.clear();
  graves_.clear();
}

void Keeper::Join(const std::string& node) {
  absl::MutexLock lock(&mu_);
  joining_.push_back(node);
}

bool Keeper::Pause(absl::Duration time) const {
  absl::MutexLock lock(&mu_);
  return !mu_.AwaitWithTimeout(absl::Condition(&stopping_), time);
}

void Keeper::Retire(absl::Duration timeout) {
  absl::MutexLock lock(&mu_);
  retiring_ = true;
  mu_.AwaitWithTimeout(absl::Condition(&has_ended_), timeout);
}

void Keeper::Work() {
  room_.alarm->Ring(WorkUntilStopped());
  absl::MutexLock lock(&mu_);
  has_ended_ = true;
}

absl::Status Keeper::WorkUntilStopped() {
  // What an earlier process began.
  if (absl::Status done = FinishChange(); !done.ok()) return done;
  for (const trivet::RingNode& node : directory_->plan()->after().nodes())
    Watch(node.id);
  for (;;) {
    std::optional<std::string> joining;
    std::optional<Caught> caught;
    {
      const auto has_work = [this] {
        mu_.AssertReaderHeld();
        return stopping_ || retiring_ || !joining_.empty() || !caught_.empty();
      };
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(&has_work));
      if (stopping_ || retiring_) return absl::OkStatus();
      if (!caught_.empty()) {
        caught.emplace(std::move(caught_.front()));
        caught_.pop_front();
      } else {
        joining.emplace(std::move(joining_.front()));
        joining_.pop_front();
      }
    }
    absl::Status done;
    if (joining.has_value()) {
      done = Carry(Change::kJoined, *joining);
      Watch(*joining);
    } else {
      done = OnCaught(*std::move(caught));
    }
    if (!done.ok()) return done;
  }
}

void Keeper::Watch(const std::string& node) {
  locks_->LockAsync(absl::StrCat("node/", node), absl::InfiniteDuration(),
                    [this, node](absl::StatusOr<trivet::Lease> lease) {
                      absl::MutexLock lock(&mu_);
                      if (stopping_) return;
                      if (lease.ok())
                        caught_.push_back({node, *std::move(lease)});
                      else
                        room_.alarm->Ring(lease.status());
                    });
}

absl::Status Keeper::OnCaught(Caught caught) {
  if (cluster_->IsUp(caught.node)) {  // It answers: it was only slow.
    caught.lease.Release().IgnoreError();
    Pause(LeaseTimes(room_.lease).retry_max * 2);  // The node comes first.
    Watch(caught.node);
    return absl::OkStatus();
  }
  console_->Say(absl::StrCat(caught.node,
                             " does not renew its lease and does not answer: "
                             "lost; rebuilding its ranges from the replicas"));
  graves_.push_back(std::move(caught.lease));
  return Carry(Change::kLost, caught.node);
}

absl::Status Keeper::Carry(Change::Kind kind, const std::string& node) {
  for (const std::string& line : ShareBars(directory_->plan()->after()))
    console_->More(absl::StrCat("before  ", line));
  if (absl::Status begun = directory_->Begin(kind, node); !begun.ok())
    return begun;
  return FinishChange();
}

absl::Status Keeper::FinishChange() {
  std::shared_ptr<const Plan> plan = directory_->plan();
  if (plan->moving() == nullptr) return absl::OkStatus();
  const Change change = *plan->moving();
  const char* const what =
      change.kind == Change::kJoined ? "moving to " : "rebuilding ";
  size_t told = 0;
  while (plan->moving() != nullptr) {
    if (absl::Status stepped = Step(*plan); !stepped.ok()) return stepped;
    plan = directory_->plan();
    const Change& now = plan->membership().changes.back();
    if (const size_t quarter = 4 * now.steps_done / now.steps; quarter > told) {
      told = quarter;
      console_->Say(absl::StrFormat(
          "%s%s: %3d %%, %d of %d ranges, %d rows", what, now.node,
          100 * now.steps_done / now.steps,
          now.ranges * now.steps_done / now.steps, now.ranges, now.rows_moved));
    }
  }
  for (const std::string& node : cluster_->Up())
    cluster_->With(node, [](Node& up) { up.Sweep(); });
  for (const std::string& line : ShareBars(plan->after()))
    console_->More(absl::StrCat("after   ", line));
  return absl::OkStatus();
}

absl::Status Keeper::Step(const Plan& plan) {
  const size_t step = plan.moving()->steps_done;
  directory_->Freeze();
  const auto wanted = [&](const std::string& row) {
    return plan.StepOf(row) == step;
  };
  for (const trivet::RingNode& member : plan.after().nodes()) {
    bool is_quiet = false;
    const auto ask = [&](Node& node) {
      is_quiet = node.shard().IsQuiet(wanted);
    };
    // A node that is down may hold reservations too: wait for it.
    while (!cluster_->With(member.id, ask) || !is_quiet)
      if (!Pause(absl::Milliseconds(1)))
        return absl::CancelledError("the keeper stops");
  }
  const absl::StatusOr<int64_t> moved = Copy(plan, wanted);
  if (absl::IsUnavailable(moved.status())) return absl::OkStatus();  // Again.
  if (!moved.ok()) return moved.status();
  return directory_->Switch(*moved);
}

absl::StatusOr<int64_t> Keeper::Copy(const Plan& plan, Book::Wanted wanted) {
  std::map<std::string, std::vector<NamedRow>> copies;  // By destination.
  for (const trivet::RingNode& member : plan.after().nodes()) {
    const auto read = [&](Node& node) {
      for (NamedRow& row : node.shard().Rows(wanted)) {
        const trivet::RangeTransfer& transfer =
            plan.transfers()[plan.TransferOf(row.first)];
        if (transfer.from == member.id)
          copies[transfer.to].push_back(std::move(row));
      }
    };
    if (!cluster_->With(member.id, read))
      return absl::UnavailableError(absl::StrCat(member.id, " is down"));
  }
  int64_t moved = 0;
  for (auto& copy : copies) {
    const std::string& to = copy.first;
    auto& rows = copy.second;
    moved += static_cast<int64_t>(rows.size());
    const absl::Status installed = WaitFor<absl::Status>([&](auto done) {
      Shard::Done shared(std::move(done));
      if (!cluster_->With(to, [&](Node& node) {
            node.shard().Install(std::move(rows), std::move(shared));
          }))
        std::move(shared)(absl::UnavailableError("the destination is down"));
    });
    if (!installed.ok()) return installed;
  }
  return moved;
}

std::vector<std::string> ShareBars(const trivet::HashRing& ring) {
  std::vector<std::string> lines;
  const std::vector<double> shares = ring.Shares();
  for (size_t i = 0; i < shares.size(); ++i)
    lines.push_back(
        absl::StrFormat("%-8s %s %.1f %%", ring.nodes()[i].id,
                        std::string(static_cast<size_t>(shares[i] * 120), '#'),
                        100 * shares[i]));
  return lines;
}

}  // namespace shop
