// SPDX-License-Identifier: Apache-2.0
//
// FakeStore: a VersionedStore in memory whose every call meets the fate that
// the test has chosen.
//
// Thread safety: thread-compatible.

#ifndef TRIVET_TESTS_LOCK_SUPPORT_FAKE_STORE_H_
#define TRIVET_TESTS_LOCK_SUPPORT_FAKE_STORE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/lock/support/fate.h"
#include "trivet/host/versioned_store.h"

namespace trivet {

class FakeStore final : public VersionedStore {
 public:
  enum class Op { kGet, kCompareAndSet };

  // Decides every call; without it, all are answered.
  std::function<Fate(Op)> fate;

  // What is answered to a call whose request or reply is lost.
  absl::Status lost = absl::UnavailableError("lost on the way");

  void Get(std::string key, Done<VersionedValue> done) override {
    Meet<VersionedValue>(
        Op::kGet, [this, key] { return Now(key); }, std::move(done));
  }

  void CompareAndSet(std::string key, uint64_t expected_version,
                     std::string value, Done<uint64_t> done) override {
    Meet<uint64_t>(
        Op::kCompareAndSet,
        [this, key, expected_version, value]() -> absl::StatusOr<uint64_t> {
          VersionedValue& held = registers_[key];
          if (held.version != expected_version) {
            return absl::AbortedError("the version has moved on");
          }
          Put(key, value);
          return held.version;
        },
        std::move(done));
  }

  // Writes past all fates, as another program would.
  void Put(const std::string& key, std::string value) {
    VersionedValue& held = registers_[key];
    held.value = std::move(value);
    ++held.version;
    ++writes_;
  }
  VersionedValue Now(const std::string& key) const {
    const auto found = registers_.find(key);
    return found == registers_.end() ? VersionedValue() : found->second;
  }

  // Lets the one held longest go on.
  void DeliverHeld() {
    auto next = std::move(held_.front());
    held_.pop_front();
    std::move(next)();
  }
  // Destroys what is held, uncalled; that may make new calls.
  void DropHeld() { std::exchange(held_, {}).clear(); }
  size_t held() const { return held_.size(); }
  uint64_t writes() const { return writes_; }

 private:
  template <typename T, typename Act>
  void Meet(Op op, Act act, Done<T> done) {
    switch (fate == nullptr ? Fate::kAnswer : fate(op)) {
      case Fate::kAnswer:
        return std::move(done)(act());
      case Fate::kLoseReply:
        (void)act();
        return std::move(done)(lost);
      case Fate::kLoseRequest:
        return std::move(done)(lost);
      case Fate::kHoldReply:
        held_.push_back([reply = absl::StatusOr<T>(act()),
                         done = std::move(done)]() mutable {
          std::move(done)(std::move(reply));
        });
        return;
      case Fate::kHoldRequest:
        held_.push_back(
            [act = std::move(act), done = std::move(done)]() mutable {
              std::move(done)(act());
            });
        return;
    }
  }

  std::map<std::string, VersionedValue> registers_;
  std::deque<absl::AnyInvocable<void() &&>> held_;
  uint64_t writes_ = 0;
};

}  // namespace trivet

#endif  // TRIVET_TESTS_LOCK_SUPPORT_FAKE_STORE_H_
