// SPDX-License-Identifier: Apache-2.0
//
// What it costs to read the current ring, in a lookup of a hot token. In real
// time: who waits for a lock takes no processor's.
//
//   plain       a HashRing that nobody replaces
//   reader      SharedRing::Reader
//   atomic      std::atomic_load of a shared_ptr<const HashRing>
//   mutex_map   a std::map of points under a std::mutex
//
//   quiet       nobody writes
//   busy        another thread adds a node and removes it, again and again; for
//               plain it keeps what it makes to itself

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/statusor.h"
#include "bench/peers.h"
#include "bench/workload.h"
#include "benchmark/benchmark.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"
#include "trivet/ring/shared_ring.h"

namespace trivet {
namespace bench {
namespace {

constexpr char kNewId[] = "new";

absl::StatusOr<HashRing> With(const HashRing& ring) {
  return HashRing::Builder(ring).Add(kNewId).Build();
}
absl::StatusOr<HashRing> Without(const HashRing& ring) {
  return HashRing::Builder(ring).Remove(kNewId).Build();
}

// Each has an Add and a Remove for its writer, and what a reader keeps.
class Plain {
 public:
  explicit Plain(const Size& size) : ring_(RingOf(size)), other_(ring_) {}
  void Add() { other_ = With(other_).value(); }
  void Remove() { other_ = Without(other_).value(); }

  struct Reader {
    explicit Reader(Plain& plain) : ring(plain.ring_) {}
    const RingNode* OwnerOf(Token token) { return &ring.LookupToken(token); }
    HashRing ring;
  };

 private:
  HashRing ring_;
  HashRing other_;
};

class Shared {
 public:
  explicit Shared(const Size& size) : shared_(RingOf(size)) {}
  void Add() {
    if (!shared_.Update(With).ok()) std::abort();
  }
  void Remove() {
    if (!shared_.Update(Without).ok()) std::abort();
  }

  struct Reader {
    explicit Reader(Shared& shared) : reader(shared.shared_) {}
    const RingNode* OwnerOf(Token token) {
      return &reader.get().LookupToken(token);
    }
    SharedRing::Reader reader;
  };

 private:
  SharedRing shared_;
};

class Atomic {
 public:
  explicit Atomic(const Size& size)
      : ring_(std::make_shared<const HashRing>(RingOf(size))) {}
  void Add() { Put(With(*std::atomic_load(&ring_)).value()); }
  void Remove() { Put(Without(*std::atomic_load(&ring_)).value()); }

  struct Reader {
    explicit Reader(Atomic& atomic) : ring(&atomic.ring_) {}
    const RingNode* OwnerOf(Token token) {
      return &std::atomic_load(ring)->LookupToken(token);
    }
    const std::shared_ptr<const HashRing>* ring;
  };

 private:
  void Put(const HashRing& ring) {
    std::atomic_store(&ring_, std::make_shared<const HashRing>(ring));
  }

  std::shared_ptr<const HashRing> ring_;
};

class MutexMap {
 public:
  explicit MutexMap(const Size& size) : map_(size), vnodes_(size.vnodes) {}
  void Add() {
    const std::lock_guard<std::mutex> lock(mu_);
    for (int64_t i = 0; i < vnodes_; ++i) map_.points.emplace(NewToken(i), 0);
  }
  void Remove() {
    const std::lock_guard<std::mutex> lock(mu_);
    for (int64_t i = 0; i < vnodes_; ++i) map_.points.erase(NewToken(i));
  }

  struct Reader {
    explicit Reader(MutexMap& map) : of(map) {}
    uint32_t OwnerOf(Token token) {
      const std::lock_guard<std::mutex> lock(of.mu_);
      return of.map_.OwnerOf(token);
    }
    MutexMap& of;
  };

 private:
  static Token NewToken(int64_t i) { return Mix(static_cast<uint64_t>(i)); }

  std::mutex mu_;
  StdMap map_;
  int64_t vnodes_;
};

// Changes `ring` as long as it lives.
template <typename Ring>
class Writer {
 public:
  explicit Writer(Ring* ring)
      : thread_([this, ring] {
          while (!stopped_.load(std::memory_order_relaxed)) {
            ring->Add();
            ring->Remove();
          }
        }) {}
  ~Writer() {
    stopped_.store(true, std::memory_order_relaxed);
    thread_.join();
  }

 private:
  std::atomic<bool> stopped_{false};
  std::thread thread_;
};

template <typename Ring>
void Read(benchmark::State& state) {
  typename Ring::Reader reader(Prepare<Ring>(SizeOf(state)).ring);
  HotTokens tokens;
  for (size_t i = 0; i < kHot; ++i) {
    Use(reader.OwnerOf(tokens.Next()));
  }
  for (auto _ : state) {
    Use(reader.OwnerOf(tokens.Next()));
  }
}

template <typename Ring>
void ReadBusy(benchmark::State& state) {
  const Writer<Ring> writer(&Prepare<Ring>(SizeOf(state)).ring);
  Read<Ring>(state);
}

template <typename Ring>
void RegisterRows(const std::string& name) {
  const std::pair<const char*, benchmark::internal::Function*> rows[] = {
      {"/quiet", Read<Ring>}, {"/busy", ReadBusy<Ring>}};
  for (const auto& [kind, function] : rows) {
    benchmark::RegisterBenchmark((name + kind).c_str(), function)
        ->ArgNames({"nodes", "vnodes"})
        ->ArgsProduct({{10, 100, 1000}, {160}})
        ->UseRealTime();
  }
}

const bool registered = [] {
  RegisterRows<Plain>("plain");
  RegisterRows<Shared>("reader");
  RegisterRows<Atomic>("atomic");
  RegisterRows<MutexMap>("mutex_map");
  return true;
}();

}  // namespace
}  // namespace bench
}  // namespace trivet
