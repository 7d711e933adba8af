// SPDX-License-Identifier: Apache-2.0
//
// Names of locks, owners and lease ids, any bytes of any length: two names
// share a register if and only if they are equal, the register's name is plain
// text, and what is too long is refused before the store hears of it. Tokens as
// text on the way.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "src/lock/cas_register.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/input.h"
#include "tests/lock/support/fake_store.h"
#include "tests/support/manual_executor.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/host/versioned_store.h"
#include "trivet/lock/cas_lock_backend.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lock_backend.h"

namespace trivet {
namespace {

constexpr size_t kMax = 512;

// Of lengths round the limits as well.
std::string NameOf(Input* input) {
  const size_t kind = input->Below(8);
  std::string name = input->Text(input->Byte());
  if (kind >= 6) name.resize(kMax + kind - 6, '\xFF');
  return name;
}

// The name that stands in a register's key, read back by the rule alone.
std::string NameIn(const std::string& key) {
  const std::string prefix = "trivet/lock/";
  FUZZ_CHECK(key.compare(0, prefix.size(), prefix) == 0);
  std::string name;
  for (size_t i = prefix.size(); i < key.size(); ++i) {
    FUZZ_CHECK(key[i] > ' ' && key[i] < 0x7F && key[i] != '/');
    if (key[i] != '%') {
      name += key[i];
      continue;
    }
    FUZZ_CHECK(i + 2 < key.size());
    name += static_cast<char>(std::stoi(key.substr(i + 1, 2), nullptr, 16));
    i += 2;
  }
  return name;
}

using Granted = absl::StatusOr<std::optional<LeaseGrant>>;

class Locks {
 public:
  Granted Acquire(const LeaseKey& key) {
    std::optional<Granted> granted;
    backend_.Acquire(key, absl::Seconds(10), MonotonicTime::InfiniteFuture(),
                     [&](Granted reply) { granted = std::move(reply); });
    executor_.RunUntilIdle();
    FUZZ_CHECK(granted.has_value());
    return *granted;
  }
  uint64_t writes() const { return store_.writes(); }
  VersionedValue Register(const std::string& lock) const {
    return store_.Now(internal::CasRegisterKey(lock));
  }

 private:
  ManualExecutor executor_;
  FakeStore store_;
  CasLockBackend backend_{&executor_, &store_};
};

bool Fits(const LeaseKey& key) {
  return !key.lock.empty() && key.lock.size() <= kMax &&
         !key.lease_id.empty() && key.lease_id.size() <= kMax &&
         key.owner.size() <= kMax;
}

// `holder`: who holds the lock.
void CheckAcquire(const LeaseKey& key, const LeaseKey& holder, Locks* locks) {
  const uint64_t writes = locks->writes();
  const Granted granted = locks->Acquire(key);
  if (!Fits(key)) {
    FUZZ_CHECK(absl::IsInvalidArgument(granted.status()));
    FUZZ_CHECK(locks->writes() == writes);
    return;
  }
  FUZZ_CHECK(granted.ok());
  FUZZ_CHECK(granted->has_value() == (key.lease_id == holder.lease_id));
  const auto held = internal::DecodeCasRegister(locks->Register(key.lock));
  FUZZ_CHECK(held.ok());
  FUZZ_CHECK(held->lease_id == holder.lease_id && held->owner == holder.owner);
}

void Run(Input input) {
  const LeaseKey first{NameOf(&input), NameOf(&input), NameOf(&input)};
  const LeaseKey second{NameOf(&input), NameOf(&input), NameOf(&input)};
  const std::string key = internal::CasRegisterKey(first.lock);
  FUZZ_CHECK(NameIn(key) == first.lock);
  FUZZ_CHECK((internal::CasRegisterKey(second.lock) == key) ==
             (second.lock == first.lock));

  Locks locks;
  CheckAcquire(first, first, &locks);
  const bool is_taken = Fits(first) && second.lock == first.lock;
  CheckAcquire(second, is_taken ? first : second, &locks);
}

void CheckToken(const std::string& text) {
  const absl::StatusOr<FencingToken> token = ParseFencingToken(text);
  if (token.ok()) {
    FUZZ_CHECK(ToString(*token) == text);
  } else {
    FUZZ_CHECK(absl::IsInvalidArgument(token.status()));
  }
}

}  // namespace
}  // namespace trivet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  trivet::Run({data, size});
  trivet::CheckToken(trivet::Input(data, size).Rest());
  return 0;
}
