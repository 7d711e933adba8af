// SPDX-License-Identifier: Apache-2.0
//
// RingWorld: hosts that tell each other of changes of a ring's members, and
// each keep a ring of what they have heard.
//
//   host-0 --"node-2 is gone"--> host-1 --> SharedRing::Update
//     |                            |
//     '--- every so often all that it knows, to somebody: in any order, late,
//          twice, or not at all

#ifndef TRIVET_TESTS_SIM_RING_WORLD_H_
#define TRIVET_TESTS_SIM_RING_WORLD_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/sim/history.h"
#include "trivet/host/transport.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"
#include "trivet/ring/shared_ring.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/ring_agreement_checker.h"
#include "trivet/testing/sim_host.h"
#include "trivet/testing/simulation.h"
#include "trivet/testing/violations.h"

namespace trivet {
namespace sim {

// What is decided before the history begins.
struct RingPlan {
  explicit RingPlan(uint64_t seed);
  std::string ToString() const;

  std::vector<std::string> hosts;
  uint64_t nodes = 0;  // So many names there are for members.
  HashRingOptions options;
  testing::FaultOptions faults;
};

class RingWorld {
 public:
  explicit RingWorld(const HistoryOptions& options);

  void Run();
  History Report() const;

  // --- For processes --------------------------------------------------------
  const RingPlan& plan() const { return plan_; }
  bool calm() const { return calm_; }
  uint64_t Draw(const std::string& what, uint64_t among);
  void CountChange() { ++changes_; }

  // `host` looks keys up in `ring` from now on.
  void Uses(const std::string& host, const std::vector<RingNode>& members,
            const HashRing& ring);
  void Violated(std::string_view property, std::string_view what) {
    violations_.Add(property, what);
  }

 private:
  void CompareWithModel(const std::string& host,
                        const std::vector<RingNode>& members,
                        const HashRing& ring);

  const RingPlan plan_;
  testing::Violations violations_;
  testing::RingAgreementChecker agreement_;
  std::map<std::string, std::string> members_;  // Of each host's ring.
  std::map<std::string, uint64_t> draws_;
  bool calm_ = false;
  uint64_t changes_ = 0;
  uint64_t rings_ = 0;
  testing::Simulation sim_;
};

// What one run of a host's program knows: of each node the latest that it has
// heard. It begins with what is written in every host's configuration.
class RingProcess {
 public:
  RingProcess(RingWorld* world, testing::SimHost* host);

 private:
  // Larger ones are later. Of two at once the larger one wins everywhere.
  struct Fact {
    uint64_t version = 0;
    std::string author;
    uint32_t weight = 0;  // 0: not a member.

    friend bool operator<(const Fact& a, const Fact& b) {
      return std::tie(a.version, a.author, a.weight) <
             std::tie(b.version, b.author, b.weight);
    }
  };

  void Tick();
  void Change();
  void Gossip();
  void Receive(const Envelope& envelope);
  void Learn(const std::string& node, const Fact& fact);
  void Apply(const std::string& node, uint32_t before, uint32_t after);
  absl::StatusOr<HashRing> FromTheBeginning() const;
  std::vector<RingNode> Members() const;

  RingWorld* const world_;
  testing::SimHost* const host_;
  std::map<std::string, Fact> facts_;
  std::vector<std::string> arrived_;  // Names, in the order of their coming.
  std::unique_ptr<SharedRing> ring_;
};

}  // namespace sim
}  // namespace trivet

#endif  // TRIVET_TESTS_SIM_RING_WORLD_H_
