// SPDX-License-Identifier: Apache-2.0
//
// Copying a shared_ptr while another thread replaces it needs a second count:
// who is about to copy must be counted before it knows what it copies. Here the
// place of the current ring and the number of those who came for it are one
// word, so both are had in one step:
//
//   head    [ slot: 6 bits | arrivals: 58 bits ]
//   slot 3    ring, unsettled = arrivals, once known, less departures
//
//   reader   head += 1;  copy the ring;  unsettled -= 1
//   writer   head := (another slot, 0);  unsettled += arrivals of the old one
//
// Whoever brings `unsettled` to zero empties the slot: a reader can only after
// the writer has added the arrivals, of which its own is one.

#include "trivet/ring/shared_ring.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>

#include "absl/base/optimization.h"
#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "src/internal/invariant.h"
#include "src/ring/ring_rep.h"
#include "src/ring/spares.h"
#include "trivet/ring/hash_ring.h"

namespace trivet {
inline namespace v0_1 {

class SharedRing::Impl {
 public:
  using Spares = internal::Spares<internal::RingAccess::Rep>;

  explicit Impl(const HashRing& ring)
      : spares_(internal::RingAccess::Of(ring).spares) {
    spares_->Open();
    slots_[0].Put(ring);
  }
  ~Impl() { spares_->Close(); }

  const std::atomic<uint64_t>& version() const { return version_; }

  HashRing Load() {
    const uint64_t head = head_.fetch_add(1, std::memory_order_acquire);
    Slot& slot = slots_[head >> kArrivalBits];
    const HashRing ring = slot.Get();
    slot.Settle(-1);
    return ring;
  }

  absl::Status Update(
      absl::FunctionRef<absl::StatusOr<HashRing>(const HashRing&)> change) {
    const absl::MutexLock lock(&mu_);
    Slot& retired = slots_[current_];
    absl::StatusOr<HashRing> ring = change(retired.Get());
    if (!ring.ok()) return ring.status();
    Adopt(internal::RingAccess::Of(*ring).spares);
    current_ = FreeSlot();
    slots_[current_].Put(*ring);
    const uint64_t head = head_.exchange(uint64_t{current_} << kArrivalBits,
                                         std::memory_order_acq_rel);
    version_.fetch_add(1, std::memory_order_release);
    constexpr uint64_t kArrivals = (uint64_t{1} << kArrivalBits) - 1;
    retired.Settle(static_cast<int64_t>(head & kArrivals));
    return absl::OkStatus();
  }

 private:
  // At 100 million arrivals a second the count lasts for 90 years.
  static constexpr int kArrivalBits = 58;
  static constexpr size_t kSlots = 64;

  struct Slot {
    void Put(const HashRing& of) {
      free.store(false, std::memory_order_relaxed);
      ring = of;
    }
    const HashRing& Get() const {
      TRIVET_INVARIANT(ring.has_value(), "a slot that is in use has a ring");
      return *ring;
    }
    // Who brings the count to zero empties the slot.
    void Settle(int64_t change) {
      if (unsettled.fetch_add(change, std::memory_order_acq_rel) == -change) {
        ring.reset();
        free.store(true, std::memory_order_release);
      }
    }

    std::optional<HashRing> ring;
    std::atomic<int64_t> unsettled{0};
    std::atomic<bool> free{true};
  };

  // Has the memory of the rings to come kept where they will look for it.
  void Adopt(const std::shared_ptr<Spares>& spares)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (spares == spares_) return;
    spares->Open();
    spares_->Close();
    spares_ = spares;
  }

  // If none is free, 63 readers were stopped between their two steps, each at
  // another ring. Only then a writer waits, for one of them to go on.
  size_t FreeSlot() const {
    while (true) {
      for (size_t i = 0; i < kSlots; ++i) {
        if (slots_[i].free.load(std::memory_order_acquire)) return i;
      }
      std::this_thread::yield();
    }
  }

  // Readers write the one and, far more often, read the other.
  alignas(ABSL_CACHELINE_SIZE) std::atomic<uint64_t> head_{0};
  alignas(ABSL_CACHELINE_SIZE) std::atomic<uint64_t> version_{0};

  alignas(ABSL_CACHELINE_SIZE) absl::Mutex mu_;
  size_t current_ ABSL_GUARDED_BY(mu_) = 0;
  std::shared_ptr<Spares> spares_ ABSL_GUARDED_BY(mu_);
  std::array<Slot, kSlots> slots_;
};

SharedRing::SharedRing(const HashRing& ring)
    : impl_(std::make_unique<Impl>(ring)), version_(&impl_->version()) {}

SharedRing::~SharedRing() = default;

HashRing SharedRing::Load() const { return impl_->Load(); }

absl::Status SharedRing::Update(
    absl::FunctionRef<absl::StatusOr<HashRing>(const HashRing&)> change) {
  return impl_->Update(change);
}

}  // namespace v0_1
}  // namespace trivet
