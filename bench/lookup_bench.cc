// SPDX-License-Identifier: Apache-2.0
//
// What a lookup costs: ours, its peers', and at the least.
//
//   NAME/WHAT/WHICH/nodes:N/vnodes:V    WHAT   token, key (which is hashed)
//                                       WHICH  hot, fresh (workload.h)

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "bench/peers.h"
#include "bench/workload.h"
#include "benchmark/benchmark.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"

namespace trivet {
namespace bench {
namespace {

// One untimed round first: what is hot is so from the beginning.
template <typename Ring, typename Stream>
void Lookup(benchmark::State& state) {
  const Prepared<Ring>& prepared = Prepare<Ring>(SizeOf(state));
  const Ring& ring = prepared.ring;
  Stream stream;
  for (size_t i = 0; i < kHot; ++i) {
    Use(OwnerOf(ring, stream.Next()));
  }
  for (auto _ : state) {
    Use(OwnerOf(ring, stream.Next()));
  }
  state.counters["bytes_per_vnode"] =
      static_cast<double>(prepared.memory.bytes) /
      static_cast<double>(SizeOf(state).points());
}

constexpr size_t kBatch = 64;
using Batch = std::array<std::string_view, kBatch>;

const std::vector<Batch>& HotBatchList() {
  static const auto* const batches = [] {
    auto* const made = new std::vector<Batch>(kHot / kBatch);
    HotKeys keys;
    for (Batch& batch : *made) {
      for (std::string_view& key : batch) key = keys.Next();
    }
    return made;
  }();
  return *batches;
}

struct HotBatches {
  const Batch& Next() { return batches[i++ % (kHot / kBatch)]; }
  const Batch* batches = HotBatchList().data();
  size_t i = 0;
};

struct FreshBatches {
  FreshBatches() {
    for (size_t k = 0; k < kBatch; ++k) batch[k] = View(keys[k]);
  }
  const Batch& Next() {
    for (Key& key : keys) {
      std::memcpy(key.data(), &i, sizeof(i));
      ++i;
    }
    return batch;
  }
  std::array<Key, kBatch> keys = {};
  Batch batch;
  uint64_t i = FreshBeginning();
};

// Per key.
template <typename Batches>
void LookupBatch(benchmark::State& state) {
  const HashRing& ring = Prepare<Trivet>(SizeOf(state)).ring.ring;
  Batches batches;
  std::array<NodeIndex, kBatch> owners;
  const auto look_up = [&] {
    ring.LookupBatch(batches.Next(), absl::MakeSpan(owners));
    benchmark::DoNotOptimize(owners);
  };
  for (size_t i = 0; i < kHot / kBatch; ++i) look_up();
  while (state.KeepRunningBatch(kBatch)) look_up();
}

template <typename Ring>
void RegisterRows(const std::string& name,
                  void (*sizes)(benchmark::internal::Benchmark*)) {
  const std::pair<const char*, benchmark::internal::Function*> rows[] = {
      {"/token/hot", Lookup<Ring, HotTokens>},
      {"/token/fresh", Lookup<Ring, FreshTokens>},
      {"/key/hot", Lookup<Ring, HotKeys>},
      {"/key/fresh", Lookup<Ring, FreshKeys>},
  };
  for (const auto& [kind, function] : rows) {
    benchmark::RegisterBenchmark((name + kind).c_str(), function)->Apply(sizes);
  }
}

// What has no points has one size for each number of nodes.
template <int64_t nodes_max>
void NodesUpTo(benchmark::internal::Benchmark* row) {
  row->ArgNames({"nodes", "vnodes"});
  for (int64_t nodes = 10; nodes <= nodes_max; nodes *= 10) {
    row->Args({nodes, 1});
  }
}

const bool registered = [] {
  RegisterRows<Trivet>("trivet", AllSizes);
  RegisterRows<Limit>("limit", AllSizes);
  RegisterRows<SortedVector>("vector", AllSizes);
  RegisterRows<StdMap>("map", AllSizes);
  RegisterRows<Envoy>("envoy", AllSizes);
  RegisterRows<Grpc>("grpc", AllSizes);
  RegisterRows<Ketama>("ketama", AllSizes);
  benchmark::RegisterBenchmark("batch/key/hot", LookupBatch<HotBatches>)
      ->Apply(AllSizes);
  benchmark::RegisterBenchmark("batch/key/fresh", LookupBatch<FreshBatches>)
      ->Apply(AllSizes);
  RegisterRows<Maglev>("maglev", NodesUpTo<10000>);
  RegisterRows<Jump>("jump", NodesUpTo<10000>);
  RegisterRows<Modulo>("modulo", NodesUpTo<10000>);
  RegisterRows<Rendezvous>("rendezvous", NodesUpTo<100>);
  return true;
}();

}  // namespace
}  // namespace bench
}  // namespace trivet
