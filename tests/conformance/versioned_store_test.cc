// SPDX-License-Identifier: Apache-2.0
//
// The VersionedStores in virtual time conform, and every liar is caught.

#include "trivet/host/versioned_store.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/broken_by.h"
#include "tests/lock/support/fake_store.h"
#include "trivet/testing/conformance/gtest.h"
#include "trivet/testing/conformance/pace.h"
#include "trivet/testing/conformance/versioned_store_suite.h"
#include "trivet/testing/sim_host.h"
#include "trivet/testing/simulation.h"

namespace trivet {
namespace {

using ::testing::ElementsAre;
using testing::Pace;
using testing::SimHost;
using testing::Simulation;
using testing::VersionedStoreSubject;
using testing::VersionedStoreSuite;

// The store of the world, as two hosts have it.
class Simulated final : public VersionedStoreSubject {
 public:
  VersionedStore* store() override { return host_.versioned_store(); }
  Pace pace() const override { return pace_; }
  bool Restart() override {
    host_.PowerLoss();
    host_.Restart();
    return true;
  }
  VersionedStore* rival() override { return other_.versioned_store(); }

 private:
  Simulation sim_{1};
  SimHost& host_ =
      sim_.AddHost("host", [](SimHost&) { return std::make_shared<int>(); });
  SimHost& other_ = sim_.AddHost("other");
  const Pace pace_{[this](absl::Duration span) { sim_.RunFor(span); }};
};

TRIVET_TEST_CONFORMANCE(SimHost, VersionedStoreSuite,
                        [] { return std::make_unique<Simulated>(); });

class Fake final : public VersionedStoreSubject {
 public:
  VersionedStore* store() override { return &store_; }
  VersionedStore* rival() override { return &store_; }
  Pace pace() const override { return pace_; }

 private:
  FakeStore store_;
  const Pace pace_{[](absl::Duration) {}};  // All is answered at once.
};

TRIVET_TEST_CONFORMANCE(FakeStore, VersionedStoreSuite,
                        [] { return std::make_unique<Fake>(); });

// --- Liars -------------------------------------------------------------------

// Registers in memory, which is as good as a disk here.
class Registers : public VersionedStore {
 public:
  virtual void Restart() {}
  virtual VersionedStore& rival() { return *this; }

  void Get(std::string key, Done<VersionedValue> done) override {
    std::move(done)(held_[key]);
  }
  void CompareAndSet(std::string key, uint64_t expected_version,
                     std::string value, Done<uint64_t> done) override {
    VersionedValue& held = held_[key];
    if (held.version != expected_version) {
      return std::move(done)(absl::AbortedError("the version has moved on"));
    }
    held = {std::move(value), held.version + 1};
    std::move(done)(held.version);
  }

 protected:
  std::map<std::string, VersionedValue> held_;
};

template <typename Store>
class InMemory final : public VersionedStoreSubject {
 public:
  VersionedStore* store() override { return &store_; }
  Pace pace() const override { return pace_; }
  bool Restart() override {
    store_.Restart();
    return true;
  }
  VersionedStore* rival() override { return &store_.rival(); }

 private:
  Store store_;
  const Pace pace_{[](absl::Duration) {}};
};

TRIVET_TEST_CONFORMANCE(HonestRegisters, VersionedStoreSuite,
                        [] { return std::make_unique<InMemory<Registers>>(); });

class WritesThroughAConflict final : public Registers {
 public:
  void CompareAndSet(std::string key, uint64_t, std::string value,
                     Done<uint64_t> done) override {
    const uint64_t version = held_[key].version;
    Registers::CompareAndSet(std::move(key), version, std::move(value),
                             std::move(done));
  }
};

class WritesAndThenRefuses final : public Registers {
 public:
  void CompareAndSet(std::string key, uint64_t expected_version,
                     std::string value, Done<uint64_t> done) override {
    if (held_[key].version == expected_version) {
      return Registers::CompareAndSet(std::move(key), expected_version,
                                      std::move(value), std::move(done));
    }
    if (held_[key].version > 1)
      held_[key] = {std::move(value), held_[key].version + 1};
    std::move(done)(absl::AbortedError("the version has moved on"));
  }
};

class RefusesAsUnavailable final : public Registers {
 public:
  void CompareAndSet(std::string key, uint64_t expected_version,
                     std::string value, Done<uint64_t> done) override {
    Registers::CompareAndSet(
        std::move(key), expected_version, std::move(value),
        [done = std::move(done)](absl::StatusOr<uint64_t> version) mutable {
          if (!version.ok()) version = absl::UnavailableError("conflict");
          std::move(done)(std::move(version));
        });
  }
};

class LosesAWrite final : public Registers {
 public:
  void CompareAndSet(std::string key, uint64_t expected_version,
                     std::string value, Done<uint64_t> done) override {
    if (held_[key].version == expected_version && ++writes_ % 15 == 0) {
      return std::move(done)(expected_version + 1);
    }
    Registers::CompareAndSet(std::move(key), expected_version, std::move(value),
                             std::move(done));
  }

 private:
  int writes_ = 0;
};

// Versions run from 1 to 64 and over again.
class RepeatsAVersion final : public Registers {
 public:
  void Get(std::string key, Done<VersionedValue> done) override {
    Registers::Get(
        std::move(key),
        [done = std::move(done)](absl::StatusOr<VersionedValue> got) mutable {
          if (got.ok()) got->version = Told(got->version);
          std::move(done)(std::move(got));
        });
  }
  void CompareAndSet(std::string key, uint64_t expected_version,
                     std::string value, Done<uint64_t> done) override {
    const uint64_t real = held_[key].version;
    Registers::CompareAndSet(
        std::move(key), expected_version == Told(real) ? real : real + 1,
        std::move(value),
        [done = std::move(done)](absl::StatusOr<uint64_t> version) mutable {
          if (version.ok()) *version = Told(*version);
          std::move(done)(std::move(version));
        });
  }

 private:
  static uint64_t Told(uint64_t real) {
    return real == 0 ? 0 : (real - 1) % 64 + 1;
  }
};

class BeginsAnewAfterARestart final : public Registers {
 public:
  void Restart() override { held_.clear(); }
};

class LosesTheLastWriteInARestart final : public Registers {
 public:
  void CompareAndSet(std::string key, uint64_t expected_version,
                     std::string value, Done<uint64_t> done) override {
    before_ = held_;
    Registers::CompareAndSet(std::move(key), expected_version, std::move(value),
                             std::move(done));
  }
  void Restart() override { held_ = before_; }

 private:
  std::map<std::string, VersionedValue> before_;
};

// A replica that is one write behind, but for its own client.
class ReadsStaleOnAnotherClient final : public Registers {
 public:
  ReadsStaleOnAnotherClient() : other_(this) {}
  VersionedStore& rival() override { return other_; }

  void CompareAndSet(std::string key, uint64_t expected_version,
                     std::string value, Done<uint64_t> done) override {
    behind_[key] = held_[key];
    Registers::CompareAndSet(std::move(key), expected_version, std::move(value),
                             std::move(done));
  }

 private:
  class Other final : public VersionedStore {
   public:
    explicit Other(ReadsStaleOnAnotherClient* main) : main_(main) {}
    void Get(std::string key, Done<VersionedValue> done) override {
      std::move(done)(main_->behind_[key]);
    }
    void CompareAndSet(std::string key, uint64_t expected_version,
                       std::string value, Done<uint64_t> done) override {
      main_->CompareAndSet(std::move(key), expected_version, std::move(value),
                           std::move(done));
    }

   private:
    ReadsStaleOnAnotherClient* const main_;
  };
  std::map<std::string, VersionedValue> behind_;
  Other other_;
};

// Caches what it has read until it writes.
class ReadsFromACache final : public Registers {
 public:
  void Get(std::string key, Done<VersionedValue> done) override {
    const VersionedValue now = held_[key];
    const auto cached = cache_.find(key);
    // Refreshed by the second read of the same.
    const VersionedValue told = cached == cache_.end() ? now : cached->second;
    cache_[key] = now;
    std::move(done)(told);
  }

 private:
  std::map<std::string, VersionedValue> cache_;
};

class FoldsCase final : public Registers {
 public:
  void Get(std::string key, Done<VersionedValue> done) override {
    Registers::Get(Folded(std::move(key)), std::move(done));
  }
  void CompareAndSet(std::string key, uint64_t expected_version,
                     std::string value, Done<uint64_t> done) override {
    Registers::CompareAndSet(Folded(std::move(key)), expected_version,
                             std::move(value), std::move(done));
  }

 private:
  static std::string Folded(std::string key) {
    if (key == "A") key = "a";
    return key;
  }
};

class CountsAllRegistersTogether final : public Registers {
 public:
  void CompareAndSet(std::string key, uint64_t expected_version,
                     std::string value, Done<uint64_t> done) override {
    for (const char* const other : {"a", "b"}) {
      if (other != key) ++held_[other].version;
    }
    Registers::CompareAndSet(std::move(key), expected_version, std::move(value),
                             std::move(done));
  }
};

class AnswersTwice final : public Registers {
 public:
  void Get(std::string key, Done<VersionedValue> done) override {
    Registers::Get(
        std::move(key),
        [done = std::move(done)](absl::StatusOr<VersionedValue> got) mutable {
          std::move(done)(got);
          std::move(done)(got);
        });
  }
};

class FindsSomethingInANewRegister final : public Registers {
 public:
  void Get(std::string key, Done<VersionedValue> done) override {
    Registers::Get(
        std::move(key),
        [done = std::move(done)](absl::StatusOr<VersionedValue> got) mutable {
          if (got.ok() && got->version == 0) got->value = "null";
          std::move(done)(std::move(got));
        });
  }
};

template <typename L>
std::vector<std::string> Broken() {
  return BrokenBy<VersionedStoreSuite>(
      [] { return std::make_unique<InMemory<L>>(); });
}

TEST(LyingStores, AreCaughtByWhatTheyBreak) {
  EXPECT_THAT(
      Broken<WritesThroughAConflict>(),
      ElementsAre("ARaceHasOneWinner", "AnotherClientReadsWhatWasWritten",
                  "WritesAtTheExpectedVersionOnly", "ARefusalWritesNothing"));
  EXPECT_THAT(
      Broken<WritesAndThenRefuses>(),
      ElementsAre("ARaceHasOneWinner", "AnotherClientReadsWhatWasWritten",
                  "WritesAtTheExpectedVersionOnly", "ARefusalWritesNothing"));
  EXPECT_THAT(
      Broken<RefusesAsUnavailable>(),
      ElementsAre("ARaceHasOneWinner", "AnotherClientReadsWhatWasWritten",
                  "WritesAtTheExpectedVersionOnly"));
  EXPECT_THAT(
      Broken<LosesAWrite>(),
      ElementsAre("AWriteIsReadByWhoeverAsksAfterIt", "ReadsNeverGoBack",
                  "AnotherClientReadsWhatWasWritten", "VersionsIncrease",
                  "VersionsIncreaseForEver"));
  EXPECT_THAT(Broken<RepeatsAVersion>(), ElementsAre("VersionsIncrease"));
  EXPECT_THAT(Broken<BeginsAnewAfterARestart>(),
              ElementsAre("VersionsIncreaseForEver"));
  EXPECT_THAT(Broken<LosesTheLastWriteInARestart>(),
              ElementsAre("VersionsIncreaseForEver"));
  EXPECT_THAT(Broken<ReadsStaleOnAnotherClient>(),
              ElementsAre("AnotherClientReadsWhatWasWritten"));
  EXPECT_THAT(
      Broken<ReadsFromACache>(),
      ElementsAre("AWriteIsReadByWhoeverAsksAfterIt", "ARaceHasOneWinner",
                  "AnotherClientReadsWhatWasWritten",
                  "VersionsIncreaseForEver"));
  EXPECT_THAT(Broken<FoldsCase>(), ElementsAre("KeysAndValuesAreAnyBytes"));
  EXPECT_THAT(
      Broken<CountsAllRegistersTogether>(),
      ElementsAre("NeverWrittenIsVersionZeroAndEmpty", "ARefusalWritesNothing",
                  "RegistersAreIndependent", "KeysAndValuesAreAnyBytes"));
  EXPECT_THAT(Broken<AnswersTwice>(), ElementsAre("EveryCallIsAnsweredOnce"));
  EXPECT_THAT(Broken<FindsSomethingInANewRegister>(),
              ElementsAre("NeverWrittenIsVersionZeroAndEmpty",
                          "ARefusalWritesNothing"));
}

}  // namespace
}  // namespace trivet
