// SPDX-License-Identifier: Apache-2.0
//
// The names of HashRingOptions, the same in a file of members, on the command
// line and in what is printed. A new placement or number is a line here.

#ifndef TRIVET_SRC_CLI_RING_OPTIONS_H_
#define TRIVET_SRC_CLI_RING_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trivet/ring/placement.h"

namespace trivet {
inline namespace v0_1 {
namespace cli {

struct PlacementName {
  const char* name;
  Placement placement;
};
inline constexpr PlacementName kPlacements[] = {
    {"trivet", Placement::kTrivet},
    {"envoy", Placement::kEnvoy},
    {"ketama", Placement::kKetama},
    {"ketama_weighted", Placement::kKetamaWeighted},
    {"nginx", Placement::kNginx},
};

struct NumberOption {
  const char* name;  // In files.
  const char* flag;  // On the command line.
  const char* help;
  uint32_t HashRingOptions::*member;
};
inline constexpr NumberOption kNumberOptions[] = {
    {"vnodes_per_weight", "--vnodes", "Points per unit of weight",
     &HashRingOptions::vnodes_per_weight},
    {"ring_size_min", "--ring-size-min", "With envoy: its minimum_ring_size",
     &HashRingOptions::ring_size_min},
    {"ring_size_max", "--ring-size-max", "With envoy: its maximum_ring_size",
     &HashRingOptions::ring_size_max},
};

std::optional<Placement> PlacementOf(std::string_view name);
std::string NameOf(Placement placement);
std::vector<std::string> PlacementNames();

// A whole number of decimal digits; what is none, or does not fit, is nothing.
std::optional<uint32_t> NumberOf(std::string_view text);

}  // namespace cli
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_CLI_RING_OPTIONS_H_
