// SPDX-License-Identifier: Apache-2.0
//
// What a ring is made of: tokens, nodes, and how one becomes the other.
//
//   node  --id, weight-->  its points    a point is the Token of one vnode
//   key   --its bytes--->  its token     the next point at or after it owns it
//
//   HashRingOptions options;
//   options.vnodes_per_weight = 1000;        // Evener shares, more memory.
//   options.secret = secret_from_my_config;  // The same in every process.
//   HashRing::Builder builder(options);
//
// Everything here is a plain value. Nothing is checked before
// HashRing::Builder::Build, which names the field, the value and the limit.
//
// Thread safety: as of any plain struct.

#ifndef TRIVET_RING_PLACEMENT_H_
#define TRIVET_RING_PLACEMENT_H_

#include <cstdint>
#include <string>

#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {

// A position on the circle. Arithmetic wraps.
using Token = uint64_t;

struct RingNode {
  // Unique within a ring; decides the node's points. 1 to 255 bytes, any bytes:
  // ids are compared and hashed as bytes, nothing is normalised.
  std::string id;

  // Owns `weight` times the share of a node of weight 1. At least 1. The points
  // of a lighter node are the first points of the same node when heavier, so a
  // change of weight moves keys from or to this node only.
  uint32_t weight = 1;

  // Failure domain: HashRing::PreferZones spreads replicas over zones. At most
  // 255 bytes. Never changes who owns a key. Nodes without a zone share one.
  std::string zone;

  friend bool operator==(const RingNode& a, const RingNode& b) {
    return a.id == b.id && a.weight == b.weight && a.zone == b.zone;
  }
  friend bool operator!=(const RingNode& a, const RingNode& b) {
    return !(a == b);
  }
};

// How nodes and keys become tokens. A later release may add placements; none
// will ever change what an existing one does.
//
// All but kTrivet exist to share a ring with a program that is already there.
// They agree with it bit for bit, and so repeat its faults: src/ring/DESIGN.md
// has the formulas. An id has to be the text that the program hashes. Nodes
// keep the order in which they are added, in nodes() too, and it matters: list
// them as the program's configuration does. The sum of the weights is at most
// 4294967295.
enum class Placement {
  // 64-bit points, a function of the node alone: XXH3 of its id, mixed with a
  // counter. src/ring/DESIGN.md gives the formula.
  kTrivet,

  // Envoy's ring_hash with XX_HASH, and gRPC's with ring_size_max 4096 (its
  // cap). Of their sources of 2025; the id is the host's hash key, by default
  // "ADDRESS:PORT". The number of points follows from ring_size_min and _max.
  // Faults: when there are more hosts than ring_size_max allows points for,
  // some get none (5,904 of 10,000 at gRPC's cap) and one more host moves 67 %
  // of all keys; keys move between old hosts whenever a host comes or goes.
  kEnvoy,

  // libketama 1.0 (Last.fm). The id is the address as its server file has it,
  // such as "10.0.1.1:11211", the weight the memory.
  // Faults: a light server among heavy ones gets no points (1:100 among 10);
  // a change of one server moves keys between others; 32-bit points tie; and
  // equal weights give 156 points instead of 160 in pools of 61, 122, 237...
  // servers, a question of rounding.
  kKetama,

  // libmemcached 1.1.4 with MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED, and twemproxy
  // 0.5.0 with "distribution: ketama" and "hash: md5". The id is "HOST:PORT";
  // as in these programs ":11211" is not hashed, so an id without a port means
  // that port, and ids that differ in it only are one server twice. twemproxy
  // sorts servers by name, shorter ones first: add them in that order.
  // Faults: those of kKetama, but the pools are of 25, 47, 50, 55... servers.
  kKetamaWeighted,

  // nginx 1.22.1: "hash KEY consistent" in an upstream, the id being what
  // follows "server" ("HOST:PORT", "HOST", "[IPV6]:PORT", "unix:PATH"). An
  // empty key, which nginx gives to any server, falls where its CRC-32 says.
  // Faults: 32-bit points tie; all but the first server's are dropped, so that
  // a heavy server has a few less than weight x vnodes_per_weight.
  kNginx,
};

struct HashRingOptions {
  Placement placement = Placement::kTrivet;

  // Points per unit of weight (kTrivet, kNginx), at least 1, or points of a
  // server of average weight (kKetama, kKetamaWeighted), a multiple of 4; the
  // foreign programs have 160. More points: evener shares, more memory (17
  // bytes a point). The heaviest of many equal nodes owns about 1.3 times its
  // fair share with 160 points each, 1.1 times with 1000.
  uint32_t vnodes_per_weight = 160;

  // kEnvoy only: its minimum_ring_size and maximum_ring_size. At least 1, at
  // most 8388608, and in this order.
  uint32_t ring_size_min = 1024;
  uint32_t ring_size_max = 8388608;

  // kTrivet only, an error elsewhere. Secret bytes, up to 4096 of them, make it
  // impractical for a stranger who does not know them, and cannot watch where
  // keys go, to choose many keys that all fall on one node. Any length works,
  // but a secret is as good as it is hard to guess: use 16 random bytes or
  // more. XXH3 is a fast keyed hash and not a cryptographic one. Empty: anyone
  // can compute the placement.
  std::string secret;
};

}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_RING_PLACEMENT_H_
