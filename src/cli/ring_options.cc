// SPDX-License-Identifier: Apache-2.0

#include "src/cli/ring_options.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "src/internal/strings.h"
#include "trivet/ring/placement.h"

namespace trivet {
inline namespace v0_1 {
namespace cli {

std::optional<Placement> PlacementOf(std::string_view name) {
  for (const PlacementName& known : kPlacements)
    if (name == known.name) return known.placement;
  return std::nullopt;
}

std::string NameOf(Placement placement) {
  for (const PlacementName& known : kPlacements)
    if (placement == known.placement) return known.name;
  return "unknown";
}

std::vector<std::string> PlacementNames() {
  std::vector<std::string> names;
  for (const PlacementName& known : kPlacements) names.emplace_back(known.name);
  return names;
}

std::optional<uint32_t> NumberOf(std::string_view text) {
  uint32_t number = 0;
  const bool digits =
      text.find_first_not_of("0123456789") == std::string_view::npos;
  if (!digits || !absl::SimpleAtoi(internal::Sv(text), &number))
    return std::nullopt;
  return number;
}

}  // namespace cli
}  // namespace v0_1
}  // namespace trivet
