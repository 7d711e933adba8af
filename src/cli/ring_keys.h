// SPDX-License-Identifier: Apache-2.0
//
// Which nodes have these keys? One line for each key, as it comes in:
//
//   user:42 -> cache-2                  its owner
//   user:42 -> cache-2 cache-4          --replicas 2
//   user:42 -> cache-2 => cache-1       before and after a change
//
// or one JSON document, in which a key is a line too.

#ifndef TRIVET_SRC_CLI_RING_KEYS_H_
#define TRIVET_SRC_CLI_RING_KEYS_H_

#include <cstddef>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"

namespace trivet {
inline namespace v0_1 {
namespace cli {

struct KeyFormat {
  size_t replicas = 1;
  bool zones = false;  // Replicas are spread over zones.
  bool json = false;
};

class KeyPrinter {
 public:
  KeyPrinter(const HashRing& before, const std::optional<HashRing>& after,
             const KeyFormat& format, std::ostream& out);

  void Print(std::string_view key);
  void End();  // After the last key.

 private:
  absl::Span<const RingNode* const> NodesOf(const HashRing& ring,
                                            std::string_view key);

  const HashRing before_;
  const std::optional<HashRing> after_;
  const KeyFormat format_;
  std::ostream& out_;
  bool first_ = true;
  std::vector<const RingNode*> nodes_;
};

}  // namespace cli
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_CLI_RING_KEYS_H_
