// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/lock_world.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "src/internal/backoff.h"
#include "src/lock/cas_register.h"
#include "tests/sim/history.h"
#include "trivet/adapters/memory/memory_lock_backend.h"
#include "trivet/lock/cas_lock_backend.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lock_backend.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/grant_checker.h"
#include "trivet/testing/history.h"
#include "trivet/testing/progress_checker.h"
#include "trivet/testing/sim_host.h"
#include "trivet/testing/sim_lock_backend.h"

namespace trivet {
namespace sim {
namespace {

using testing::FaultOptions;
using testing::SimHost;

constexpr std::string_view kService = "locks";
constexpr absl::Duration kFaultyTime = absl::Seconds(9);
constexpr absl::Duration kSettleMax = absl::Minutes(3);

uint64_t Choose(uint64_t seed, uint64_t what, uint64_t among) {
  return internal::SplitMix64::Mix(seed * 0x9E3779B97F4A7C15 + what) % among;
}

}  // namespace

LockPlan::LockPlan(uint64_t seed) : faults(FaultOptions::Swarm(seed)) {
  cas = Choose(seed, 1, 2) == 0;
  // In most histories the service keeps its word, so that nobody else breaks
  // it.
  if (cas || Choose(seed, 2, 2) != 0)
    faults.lease_lost = faults.session_loss = 0;
  if (cas) faults.ttl_restored = 0;
  stale = cas && faults.stale_read > 0;
  end_early = faults.lease_lost + faults.session_loss > 0;
  stingy = !cas && Choose(seed, 6, 2) == 0;
  const uint64_t count = 2 + Choose(seed, 3, 3);
  for (uint64_t i = 0; i < count; ++i) {
    clients.push_back(absl::StrCat("client-", i));
  }
  locks.emplace_back("a");
  if (Choose(seed, 4, 3) == 0) locks.emplace_back("b");
  const uint64_t length = Choose(seed, 5, 3);
  lease.ttl = length == 0   ? absl::Milliseconds(500)
              : length == 1 ? absl::Milliseconds(1200)
                            : absl::Seconds(3);
  lease.renew_after = lease.ttl / 3;
  lease.request_timeout = lease.ttl / 4;
  lease.retry_min = absl::Milliseconds(10);
  lease.retry_max = absl::Milliseconds(150);
  // Answers come as late as a lease is long; links are cut for longer.
  faults.delay_tail_max = lease.ttl * 2;
  faults.call_timeout = lease.ttl;
  faults.restart_max = absl::Seconds(1);
  faults.partition *= 2;
  faults.partition_max = lease.ttl * 3;
  faults.pause_max = lease.ttl * 2;
  faults.suspend_max = lease.ttl * 2;
  // So slow that what was posted runs when leases have ended.
  faults.slow_event_max = lease.ttl / 4;
  faults.slow_host_max = lease.ttl * 3;
  // Just within LeaseOptions::clock_rate_bound.
  if (faults.clock_rate_spread > 0) faults.clock_rate_spread = 0.0045;
  // Nobody has a log here.
  faults.slow_sync = faults.sync_error = faults.disk_full = 0;
  faults.claim_error = faults.read_error = faults.trim_ignored = 0;
  faults.sector_loss = faults.torn_write = faults.name_loss = 0;
  faults.bit_rot = faults.crash_in_append = 0;
}

std::string LockPlan::ToString() const {
  return absl::StrCat(cas ? "registers" : "service",
                      end_early ? " that loses leases" : "",
                      " clients=", clients.size(), " locks=", locks.size(),
                      " ttl=", absl::FormatDuration(lease.ttl));
}

LockWorld::LockWorld(const HistoryOptions& options)
    : plan_(options.seed),
      exclusion_(&violations_),
      fencing_(&violations_, FenceStrength::kMonotonic),
      sim_(options, plan_.faults) {
  Executor* const executor = sim_.AddHost(std::string(kService)).executor();
  service_ = std::make_unique<MemoryLockBackend>(executor);
  stingy_ = std::make_unique<StingyLockBackend>(executor, service_.get());
  LockBackend* const backend =
      plan_.stingy ? static_cast<LockBackend*>(stingy_.get()) : service_.get();
  checked_ =
      std::make_unique<testing::GrantChecker>(executor, backend, &violations_);
  stale_ = std::make_unique<StaleLockBackend>(sim_.FindHost(kService),
                                              checked_.get());
  sim_.OnEvent([this] { exclusion_.Check(); });
}

LockWorld::~LockWorld() = default;

std::unique_ptr<LockBackend> LockWorld::NewBackend(SimHost* host) {
  if (plan_.cas) {
    return std::make_unique<CasLockBackend>(host->executor(),
                                            host->versioned_store());
  }
  return std::make_unique<testing::SimLockBackend>(host, std::string(kService),
                                                   stale_.get());
}

uint64_t LockWorld::Draw(std::string_view what, uint64_t among) {
  return sim_.Draw(what, draws_[std::string(what)]++) % among;
}

void LockWorld::Granted(const std::string& client, const std::string& lock,
                        FencingToken token, const Known& before) {
  sim_.Note(
      absl::StrCat(client, " holds ", lock, " with token ", ToString(token)));
  ++granted_;
  ++grants_[client + lock];
  fencing_.Granted(lock, token, before.latest);
}

bool LockWorld::WasStale(const std::string& lock, const Known& since) const {
  if (!plan_.stale) return false;
  const std::string read =
      absl::StrCat("stale read ", internal::CasRegisterKey(lock), " ");
  for (const testing::SimFault& fault : sim_.FaultsFired()) {
    double seconds = 0;  // Of "1.250000s stale read ...".
    if (absl::StartsWith(fault.id, read) &&
        absl::SimpleAtod(fault.text.substr(0, fault.text.find('s')),
                         &seconds) &&
        absl::Seconds(seconds) >= since.since - absl::Microseconds(1)) {
      return true;
    }
  }
  return false;
}

void LockWorld::Write(const std::string& lock, FencingToken token, bool held) {
  const absl::Status admitted = storage_[lock].Admit(token);
  sim_.Note(absl::StrCat("write to ", lock, " with token ", ToString(token),
                         admitted.ok() ? "" : " is refused"));
  if (!admitted.ok()) {
    fencing_.Refused(lock, token);
    // Whose lease is live has the largest token.
    if (held && !EndedEarly(lock, token)) {
      Violated("Fence", absl::StrCat("lock ", lock, " refused its holder: ",
                                     std::string(admitted.message())));
    }
    return;
  }
  ++admitted_;
  fencing_.Admitted(lock, token);
}

void LockWorld::EndEarly(const std::string& lock) {
  // A late request may take it anew at once.
  const bool again = Draw("again", 2) == 0;
  if (checked_->EndEarly(lock, again)) sim_.Note("ended early: " + lock);
}

void LockWorld::DisturbService() {
  if (calm_) return;
  SimHost* const host = sim_.FindHost(kService);
  const FaultOptions& faults = plan_.faults;
  for (const std::string& lock : plan_.locks) {
    if (host->Strikes("lease lost", faults.lease_lost, lock)) EndEarly(lock);
    if (host->Strikes("ttl restored", faults.ttl_restored, lock)) {
      checked_->RestoreTtl(lock, plan_.lease.ttl);
    }
  }
  for (const std::string& client : plan_.clients) {
    if (host->Strikes("session loss", faults.session_loss, client) &&
        checked_->EndSession(client)) {
      sim_.Note("lost the session of " + client);
    }
  }
  host->executor()->PostAt(host->executor()->Now() + absl::Seconds(1),
                           [this] { DisturbService(); });
}

void LockWorld::Run() {
  for (const std::string& client : plan_.clients) {
    sim_.AddHost(client, [this](SimHost& host) {
      return std::make_shared<LockProcess>(this, &host);
    });
  }
  if (!plan_.cas) DisturbService();
  sim_.RunFor(kFaultyTime);
  sim_.Calm();
  calm_ = true;
  grants_.clear();
  testing::ProgressChecker progress(&violations_);
  for (const std::string& client : plan_.clients) {
    if (sim_.FindHost(client)->IsLost()) continue;
    for (const std::string& lock : plan_.locks) {
      progress.Expect(
          client + " gets lock " + lock,
          [this, name = client + lock] { return grants_[name] > 0; });
    }
  }
  progress.Await(&sim_, kSettleMax);
}

History LockWorld::Report() const {
  History history = sim_.Report(violations_, plan_.ToString());
  history.counters = {{"begun", granted_}, {"ended well", admitted_}};
  return history;
}

History RunLockHistory(const HistoryOptions& options) {
  LockWorld world(options);
  world.Run();
  return world.Report();
}

}  // namespace sim
}  // namespace trivet
