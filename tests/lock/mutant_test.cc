// SPDX-License-Identifier: Apache-2.0
//
// The tests of this room must find the mistakes that one would make: each is
// planted in the sources, which are compiled into this program with it.

#include "src/internal/mutant.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/broken_by.h"
#include "tests/conformance/lock_subjects.h"
#include "tests/lock/support/fake_store.h"
#include "tests/lock/support/lease_script.h"
#include "tests/support/manual_executor.h"
#include "trivet/adapters/memory/memory_lock_backend.h"
#include "trivet/lock/cas_lock_backend.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lock_client.h"
#include "trivet/testing/conformance/lock_backend_suite.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

std::string_view active_mutant;

}  // namespace internal
}  // namespace v0_1

namespace {

using ::testing::Contains;
using ::testing::IsEmpty;

class LockMutant : public ::testing::Test {
 protected:
  void TearDown() override { internal::active_mutant = {}; }

  // The scripts that are no longer true.
  static std::vector<std::string> ScriptsBrokenBy(std::string_view mutant) {
    internal::active_mutant = mutant;
    std::vector<std::string> broken;
    for (const std::string& name : AllLeaseScripts()) {
      const std::string text = ReadLeaseScript(name);
      if (ReplayLeaseScript(text) != text) broken.push_back(name);
    }
    return broken;
  }

  // What MemoryLockBackend no longer keeps.
  static std::vector<std::string> PromisesBrokenBy(std::string_view mutant) {
    internal::active_mutant = mutant;
    return BrokenBy<testing::LockBackendSuite>(
        [] { return std::make_unique<LocksInMemory<MemoryLockBackend>>(); });
  }

  static void AcquireCas(CasLockBackend& backend, const LeaseKey& key,
                         bool* granted) {
    backend.Acquire(key, absl::Seconds(10), MonotonicTime::InfiniteFuture(),
                    [granted](absl::StatusOr<std::optional<LeaseGrant>> reply) {
                      *granted = reply.ok() && reply->has_value();
                    });
  }
};

TEST_F(LockMutant, NothingIsFoundInTheSourcesThemselves) {
  EXPECT_THAT(ScriptsBrokenBy(""), IsEmpty());
  EXPECT_THAT(PromisesBrokenBy(""), IsEmpty());
}

TEST_F(LockMutant, L1_ADeadlineFromTheReplyIsFound) {
  EXPECT_THAT(ScriptsBrokenBy("deadline_from_reply"),
              Contains("L1_ValidityCountsFromTheSend"));
}

TEST_F(LockMutant, L1_AForgottenClockRateIsFound) {
  EXPECT_THAT(ScriptsBrokenBy("clock_rate_ignored"),
              Contains("L1_ValidityCountsFromTheSend"));
}

TEST_F(LockMutant, L1_ADoubtfulGrantThatIsBelievedIsFound) {
  EXPECT_THAT(ScriptsBrokenBy("doubtful_grant_believed"),
              Contains("L1_AGrantOfAnEarlierRequestIsConfirmed"));
}

TEST_F(LockMutant, L2_APauseThatIsNotNoticedIsFound) {
  for (const char* const mutant : {"", "pause_unnoticed"}) {
    internal::active_mutant = mutant;
    ManualExecutor executor;
    MemoryLockBackend memory(&executor);
    const auto client = LockClient::Create(&executor, &memory, "me", {});
    std::optional<absl::StatusOr<Lease>> lease;
    (*client)->LockAsync(
        "lock", absl::Seconds(1),
        [&](absl::StatusOr<Lease> got) { lease = std::move(got); });
    executor.RunUntilIdle();
    executor.JumpBy(absl::Seconds(20));
    EXPECT_EQ((*lease)->CheckHeld().ok(), internal::active_mutant != "");
  }
}

TEST_F(LockMutant, AStaleTokenThatIsAdmittedIsFound) {
  for (const char* const mutant : {"", "stale_token_admitted"}) {
    internal::active_mutant = mutant;
    FencingGate gate(FencingToken{0, 34});
    EXPECT_EQ(gate.Admit({0, 33}).ok(), internal::active_mutant != "");
  }
}

TEST_F(LockMutant, L5_AReplyThatExtendsPastLossIsFound) {
  EXPECT_THAT(ScriptsBrokenBy("late_reply_extends"),
              Contains("L5_ALateRenewalNeverExtendsPastLoss"));
}

TEST_F(LockMutant, L5_ALateGrantThatIsKeptIsFound) {
  EXPECT_THAT(ScriptsBrokenBy("late_grant_kept"),
              Contains("L5_ALateGrantIsReleased"));
}

TEST_F(LockMutant, L7_AnotherTokenThatIsIgnoredIsFound) {
  EXPECT_THAT(ScriptsBrokenBy("token_change_ignored"),
              Contains("L7_AnotherTokenMeansLost"));
}

TEST_F(LockMutant, L8_ARefusalThatIsIgnoredIsFound) {
  EXPECT_THAT(ScriptsBrokenBy("refusal_ignored"),
              Contains("L8_ARefusedRenewalMeansLost"));
}

TEST_F(LockMutant, ASecondGrantOnALostReplyIsFound) {
  EXPECT_THAT(PromisesBrokenBy("second_grant_on_lost_reply"),
              Contains("Idempotent"));
}

TEST_F(LockMutant, AReleaseWithoutOwnerIsFound) {
  EXPECT_THAT(PromisesBrokenBy("release_without_owner"),
              Contains("OwnedRelease"));
}

TEST_F(LockMutant, ARenewalWithoutOwnerIsFound) {
  EXPECT_THAT(PromisesBrokenBy("renew_without_owner"),
              Contains("OwnedRenewal"));
}

TEST_F(LockMutant, APlaceThatIsKeptAfterGivingUpIsFound) {
  EXPECT_THAT(PromisesBrokenBy("giving_up_keeps_place"), Contains("InLine"));
}

// The contender's read is sent 9 s before the holder's grant and done after it.
// Counted from the send, the grant is overtaken when it is 2 s old.
TEST_F(LockMutant, AWatchFromTheSendIsFound) {
  for (const char* const mutant : {"", "cas_watch_from_send"}) {
    internal::active_mutant = mutant;
    ManualExecutor executor;
    FakeStore store;
    CasLockBackend a(&executor, &store);
    CasLockBackend b(&executor, &store);
    const LeaseKey holder{"lock", "a", "a"};
    const LeaseKey contender{"lock", "b", "b"};
    bool a_granted = false;
    bool b_granted = false;
    store.fate = [](FakeStore::Op) { return Fate::kHoldRequest; };
    AcquireCas(b, contender, &b_granted);
    store.fate = nullptr;
    executor.AdvanceBy(absl::Seconds(9));
    AcquireCas(a, holder, &a_granted);
    store.DeliverHeld();
    executor.AdvanceBy(absl::Seconds(2));
    AcquireCas(b, contender, &b_granted);
    EXPECT_TRUE(a_granted);
    EXPECT_EQ(b_granted, std::string_view(mutant) == "cas_watch_from_send");
  }
}

// Two requests of one lease race; the slower finds its own lease.
TEST_F(LockMutant, AConflictThatIsTakenForALossIsFound) {
  for (const char* const mutant : {"", "cas_conflict_is_loss"}) {
    internal::active_mutant = mutant;
    ManualExecutor executor;
    FakeStore store;
    CasLockBackend backend(&executor, &store);
    const LeaseKey key{"lock", "a", "a"};
    bool first = false;
    bool again = false;
    store.fate = [](FakeStore::Op op) {
      return op == FakeStore::Op::kGet ? Fate::kAnswer : Fate::kHoldRequest;
    };
    AcquireCas(backend, key, &first);
    AcquireCas(backend, key, &again);
    store.fate = nullptr;
    store.DeliverHeld();
    store.DeliverHeld();
    EXPECT_TRUE(first);
    EXPECT_EQ(again, std::string_view(mutant).empty());
  }
}

}  // namespace
}  // namespace trivet
