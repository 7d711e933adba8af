// SPDX-License-Identifier: Apache-2.0
//
// What else finds the owner of a token, written anew from the description of
// each: other rings of the same points, ways that are no rings, and the limit.
//
// A peer is made of a Size and has OwnerOf(token), which returns what its model
// returns. All are searched by the hash of the ring, inlined, whatever hash
// their models have: what is compared is the search.

#ifndef TRIVET_BENCH_PEERS_H_
#define TRIVET_BENCH_PEERS_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/numeric/int128.h"
#include "bench/workload.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"

namespace trivet {
namespace bench {

inline bool ByToken(const Point& a, const Point& b) {
  return a.token < b.token;
}

// --- Rings -------------------------------------------------------------------

struct Trivet {
  explicit Trivet(const Size& size) : ring(RingOf(size)) {}
  const RingNode* OwnerOf(Token token) const {
    return &ring.LookupToken(token);
  }

  HashRing ring;
};

// What one would write by hand.
struct StdMap {
  explicit StdMap(const Size& size) {
    for (const Point& point : RandomPoints(size)) {
      points.emplace(point.token, point.owner);
    }
  }
  uint32_t OwnerOf(Token token) const {
    const auto at = points.lower_bound(token);
    return at == points.end() ? points.begin()->second : at->second;
  }

  std::map<Token, uint32_t> points;
};

// What one would write by hand on second thoughts.
struct SortedVector {
  explicit SortedVector(const Size& size) : points(RandomPoints(size)) {
    std::sort(points.begin(), points.end(), ByToken);
  }
  uint32_t OwnerOf(Token token) const {
    const auto at = std::lower_bound(points.begin(), points.end(),
                                     Point{token, 0}, ByToken);
    return at == points.end() ? points.front().owner : at->owner;
  }

  std::vector<Point> points;
};

// The search that libketama has and Envoy and gRPC took over: halve, compare
// with the point in the middle and with the one before it, and end where the
// token falls between the two. `point_at(i)` is the i-th of `size` points.
template <typename PointAt>
size_t MiddleSearch(size_t size, uint64_t token, PointAt point_at) {
  int64_t low = 0;
  auto high = static_cast<int64_t>(size);
  while (low <= high) {
    const auto middle = static_cast<size_t>((low + high) / 2);
    if (middle == size) return 0;
    const uint64_t point = point_at(middle);
    const uint64_t before = middle == 0 ? 0 : point_at(middle - 1);
    if (token <= point && token > before) return middle;
    if (point < token) {
      low = static_cast<int64_t>(middle) + 1;
    } else {
      high = static_cast<int64_t>(middle) - 1;
    }
  }
  return 0;
}

// {hash, shared_ptr<host>} by 64-bit hashes. Who looks up gets a copy of the
// pointer, which counts a reference.
struct Envoy {
  struct Entry {
    uint64_t hash;
    std::shared_ptr<const std::string> host;
  };

  explicit Envoy(const Size& size) {
    std::vector<std::shared_ptr<const std::string>> hosts;
    for (RingNode& node : Members(size.nodes)) {
      hosts.push_back(std::make_shared<std::string>(std::move(node.id)));
    }
    std::vector<Point> points = RandomPoints(size);
    std::sort(points.begin(), points.end(), ByToken);
    entries.reserve(points.size());
    for (const Point& point : points) {
      entries.push_back({point.token, hosts[point.owner]});
    }
  }
  std::shared_ptr<const std::string> OwnerOf(Token token) const {
    return entries[MiddleSearch(entries.size(), token,
                                [this](size_t i) { return entries[i].hash; })]
        .host;
  }

  std::vector<Entry> entries;
};

// {hash, index of the endpoint}.
struct Grpc {
  struct Entry {
    uint64_t hash;
    size_t index;
  };

  explicit Grpc(const Size& size) {
    std::vector<Point> points = RandomPoints(size);
    std::sort(points.begin(), points.end(), ByToken);
    entries.reserve(points.size());
    for (const Point& point : points) {
      entries.push_back({point.token, point.owner});
    }
  }
  size_t OwnerOf(Token token) const {
    return entries[MiddleSearch(entries.size(), token,
                                [this](size_t i) { return entries[i].hash; })]
        .index;
  }

  std::vector<Entry> entries;
};

// {32-bit point, address of the server as text}.
struct Ketama {
  struct Entry {
    uint32_t point;
    char address[22];
  };

  explicit Ketama(const Size& size) {
    const std::vector<RingNode> nodes = Members(size.nodes);
    std::vector<Point> points = RandomPoints(size);
    std::sort(points.begin(), points.end(), ByToken);
    entries.reserve(points.size());
    for (const Point& point : points) {
      Entry entry = {static_cast<uint32_t>(point.token >> 32), {}};
      nodes[point.owner].id.copy(entry.address, sizeof(entry.address) - 1);
      entries.push_back(entry);
    }
  }
  const char* OwnerOf(Token token) const {
    return entries[MiddleSearch(
                       entries.size(), token >> 32,
                       [this](size_t i) { return uint64_t{entries[i].point}; })]
        .address;
  }

  std::vector<Entry> entries;
};

// --- The limit ---------------------------------------------------------------

// What no ring with a table can be below: one cache line, whose place depends
// on the token, of as many as a ring of this size has.
struct Limit {
  struct alignas(64) Line {
    std::array<uint32_t, 16> words;
  };

  explicit Limit(const Size& size) : lines(size.points() / 10 + 1) {
    for (size_t i = 0; i < lines.size(); ++i) {
      lines[i].words.fill(static_cast<uint32_t>(i));
    }
  }
  uint32_t OwnerOf(Token token) const {
    const absl::uint128 product = absl::uint128(token) * lines.size();
    return lines[static_cast<size_t>(absl::Uint128High64(product))]
        .words[token % 16];
  }

  std::vector<Line> lines;
};

// --- What is no ring, and has no points --------------------------------------

// The smallest prime that is at least `n`.
inline uint64_t PrimeFrom(uint64_t n) {
  const auto is_prime = [](uint64_t p) {
    for (uint64_t d = 2; d * d <= p; ++d) {
      if (p % d == 0) return false;
    }
    return p > 1;
  };
  while (!is_prime(n)) ++n;
  return n;
}

// h(x) = (x mod p) + 1: one more node moves nearly every key.
struct Modulo {
  explicit Modulo(const Size& size)
      : prime(PrimeFrom(static_cast<uint64_t>(size.nodes))) {}
  uint64_t OwnerOf(Token token) const { return token % prime + 1; }

  uint64_t prime;
};

// A key jumps from bucket to bucket as their number grows, and is where the
// last jump that stays within it has brought it. Only the last node can leave.
// Lamping, Veach: "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014.
struct Jump {
  explicit Jump(const Size& size) : nodes(size.nodes) {}
  int64_t OwnerOf(Token token) const {
    int64_t owner = 0;
    for (int64_t next = 0; next < nodes;) {
      owner = next;
      token = token * 2862933555777941757 + 1;
      const double divisor = static_cast<double>((token >> 33) + 1);
      next = static_cast<int64_t>(static_cast<double>(owner + 1) *
                                  (0x1p31 / divisor));
    }
    return owner;
  }

  int64_t nodes;
};

// Every node bids for the token and the highest bid wins: time grows with the
// nodes. Thaler, Ravishankar: "A Name-Based Mapping Scheme for Rendezvous",
// 1996.
struct Rendezvous {
  explicit Rendezvous(const Size& size) {
    for (const RingNode& node : Members(size.nodes)) {
      seeds.push_back(HashOf(node.id));
    }
  }
  size_t OwnerOf(Token token) const {
    size_t owner = 0;
    uint64_t highest = 0;
    for (size_t i = 0; i < seeds.size(); ++i) {
      const uint64_t bid = Mix(token ^ seeds[i]);
      if (bid < highest) continue;
      highest = bid;
      owner = i;
    }
    return owner;
  }

  std::vector<uint64_t> seeds;
};

// A table of prime size, filled by the nodes in turns: each takes the next free
// slot in an order of its own. A few keys move between nodes that stay.
// Eisenbud et al.: "Maglev", NSDI 2016.
struct Maglev {
  static constexpr uint64_t kSlots = 65537;
  static constexpr uint32_t kFree = UINT32_MAX;

  explicit Maglev(const Size& size) : owners(kSlots, kFree) {
    struct Order {
      uint64_t at;
      uint64_t step;
    };
    std::vector<Order> orders;
    for (const RingNode& node : Members(size.nodes)) {
      const uint64_t hash = HashOf(node.id);
      orders.push_back({hash % kSlots, Mix(hash) % (kSlots - 1) + 1});
    }
    for (uint64_t taken = 0; taken < kSlots; ++taken) {
      const uint64_t node = taken % orders.size();
      Order& order = orders[node];
      while (owners[order.at] != kFree) {
        order.at = (order.at + order.step) % kSlots;
      }
      owners[order.at] = static_cast<uint32_t>(node);
    }
  }
  uint32_t OwnerOf(Token token) const { return owners[token % kSlots]; }

  std::vector<uint32_t> owners;
};

// --- Keys --------------------------------------------------------------------

template <typename Ring>
auto OwnerOf(const Ring& ring, Token token) {
  return ring.OwnerOf(token);
}

template <typename Ring>
auto OwnerOf(const Ring& ring, std::string_view key) {
  return ring.OwnerOf(HashOf(key));
}

inline const RingNode* OwnerOf(const Trivet& trivet, std::string_view key) {
  return &trivet.ring.Lookup(key);
}

}  // namespace bench
}  // namespace trivet

#endif  // TRIVET_BENCH_PEERS_H_
