// SPDX-License-Identifier: Apache-2.0
//
// SharedRing: the current ring, for many readers and a rare writer.
//
// A HashRing is a value; this is the variable. Readers never lock and never
// wait for a writer; a replaced ring is freed once its last reader has let go,
// which is counted, never timed.
//
//   SharedRing shared(*ring);
//
//   SharedRing::Reader reader(shared);       // In each thread, kept:
//   const RingNode& home = reader.get().Lookup("user:42");
//
//   shared.Update([](const HashRing& ring) {  // Now and then, in any thread:
//     return HashRing::Builder(ring).Add("cache-9").Build();
//   });
//
// Thread safety: thread-safe; a Reader is for one thread at a time.

#ifndef TRIVET_RING_SHARED_RING_H_
#define TRIVET_RING_SHARED_RING_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/base/attributes.h"
#include "absl/base/optimization.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trivet/config.h"
#include "trivet/ring/hash_ring.h"

namespace trivet {
inline namespace v0_1 {

class TRIVET_EXPORT SharedRing {
 public:
  explicit SharedRing(const HashRing& ring);
  // REQUIRES: no Reader is left, and no call of another thread.
  ~SharedRing();
  SharedRing(const SharedRing&) = delete;
  SharedRing& operator=(const SharedRing&) = delete;

  // One thread's window on the ring. Make one per thread and keep it: get()
  // costs one atomic load while the ring stays the same. A reference got
  // through it is good until the next get(). An idle Reader keeps its ring
  // alive. Must not outlive the SharedRing.
  class Reader;

  // The ring as it is now. Lock-free; use a Reader where this is often.
  HashRing Load() const;

  // Replaces the ring by `change` of it, one at a time, so that no change is
  // lost. Returns what `change` returned, and leaves the ring as it was if that
  // is an error. `change` must not call Update.
  //
  // Fast for a few nodes more or less, told to a Builder of the ring that
  // `change` is given: the new ring is a copy with that change, in the memory
  // of a ring that no reader has any more, of which one is kept.
  absl::Status Update(
      absl::FunctionRef<absl::StatusOr<HashRing>(const HashRing&)> change);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
  const std::atomic<uint64_t>* version_;  // In impl_; one more by each Update.
};

class SharedRing::Reader {
 public:
  explicit Reader(const SharedRing& shared)
      : shared_(&shared),
        version_(shared.version_->load(std::memory_order_acquire)),
        ring_(shared.Load()) {}

  const HashRing& get() & ABSL_ATTRIBUTE_LIFETIME_BOUND {
    const uint64_t now = shared_->version_->load(std::memory_order_acquire);
    if (ABSL_PREDICT_FALSE(now != version_)) {
      ring_ = shared_->Load();  // Of this version or a later one.
      version_ = now;
    }
    return ring_;
  }
  const HashRing& get() && = delete;

 private:
  const SharedRing* shared_;
  uint64_t version_;
  HashRing ring_;
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_RING_SHARED_RING_H_
