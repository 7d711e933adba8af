// SPDX-License-Identifier: Apache-2.0
//
// Each placement in two steps: how many points a node gets, which depends on
// all of them, and then which points, which depends on that node alone.
//
// The first is floating point in the types and in the order of the originals,
// because a last bit decides whether a server has 156 points or 160.

#include "src/ring/foreign.h"

#include <algorithm>
#include <array>
#include <cfloat>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "src/internal/invariant.h"
#include "src/internal/strings.h"
#include "src/ring/crc32.h"
#include "src/ring/md5.h"
#include "src/ring/members.h"
#include "src/ring/point.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"

// See token.h.
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

constexpr uint32_t kRingSizeMax = 8388608;  // Envoy's own limit.

// Where Envoy refuses a pool, and where the sum in twemproxy overflows.
constexpr uint64_t kWeightSumMax = std::numeric_limits<uint32_t>::max();

// One MD5 digest is four points.
constexpr uint32_t kPointsPerDigest = 4;

std::string NameOf(Placement placement) {
  switch (placement) {
    case Placement::kTrivet:
      return "kTrivet";
    case Placement::kEnvoy:
      return "kEnvoy";
    case Placement::kKetama:
      return "kKetama";
    case Placement::kKetamaWeighted:
      return "kKetamaWeighted";
    case Placement::kNginx:
      return "kNginx";
  }
  return absl::StrCat(static_cast<int>(placement));
}

bool IsKetama(Placement placement) {
  return placement == Placement::kKetama ||
         placement == Placement::kKetamaWeighted;
}

absl::Status CheckOptions(const HashRingOptions& options) {
  const Placement placement = options.placement;
  if (!options.secret.empty())
    return absl::InvalidArgumentError(
        absl::StrCat("secret has ", options.secret.size(), " bytes; ",
                     NameOf(placement), " takes none"));
  if (IsKetama(placement) && options.vnodes_per_weight % kPointsPerDigest != 0)
    return absl::InvalidArgumentError(absl::StrCat(
        "vnodes_per_weight is ", options.vnodes_per_weight, "; ",
        NameOf(placement), " takes multiples of ", kPointsPerDigest));
  if (placement != Placement::kEnvoy) return absl::OkStatus();
  if (options.ring_size_min == 0 ||
      options.ring_size_min > options.ring_size_max)
    return absl::InvalidArgumentError(absl::StrCat(
        "ring_size_min is ", options.ring_size_min,
        "; it must be 1 to ring_size_max, which is ", options.ring_size_max));
  if (options.ring_size_max > kRingSizeMax)
    return absl::InvalidArgumentError(
        absl::StrCat("ring_size_max is ", options.ring_size_max,
                     "; the limit is ", kRingSizeMax));
  return absl::OkStatus();
}

// A step of floating point that is rounded before the next one begins, as in
// the originals' builds for x86-64. Without it a compiler may make one fused
// multiply-add of two steps, and count other points on another machine.
template <typename Float>
Float Rounded(Float step) {
  static_assert(FLT_EVAL_METHOD == 0 || FLT_EVAL_METHOD == 1,
                "x87 rounds doubles twice: compile with -msse2 -mfpmath=sse");
  const volatile Float rounded = step;
  return rounded;
}

// Running sums: how many points a host gets depends on those before it. The
// original adds points one by one while there are fewer than the target.
std::vector<uint64_t> EnvoyCounts(const HashRingOptions& options,
                                  absl::Span<const RingNode> nodes,
                                  uint64_t weight_sum) {
  const auto sum = static_cast<double>(weight_sum);
  double lightest = 1;
  for (const RingNode& node : nodes)
    lightest = std::min(lightest, Rounded(node.weight / sum));
  const double points_min =
      std::ceil(Rounded(lightest * options.ring_size_min));
  const double scale =
      std::min<double>(Rounded(points_min / lightest), options.ring_size_max);
  std::vector<uint64_t> counts;
  counts.reserve(nodes.size());
  double current = 0;
  double target = 0;
  for (const RingNode& node : nodes) {
    const double points = Rounded(scale * Rounded(node.weight / sum));
    target = Rounded(target + points);
    const double before = current;
    current = std::ceil(target);
    counts.push_back(static_cast<uint64_t>(current - before));
  }
  return counts;
}

// Both forms of ketama scale a server's weight by the sum of all weights.
std::vector<uint64_t> KetamaCounts(const HashRingOptions& options,
                                   absl::Span<const RingNode> nodes,
                                   uint64_t weight_sum) {
  const auto servers = static_cast<float>(nodes.size());
  const auto points = static_cast<float>(options.vnodes_per_weight);
  const double digests = 1.0 * options.vnodes_per_weight / kPointsPerDigest;
  std::vector<uint64_t> counts;
  counts.reserve(nodes.size());
  for (const RingNode& node : nodes) {
    const float share = Rounded(static_cast<float>(node.weight) /
                                static_cast<float>(weight_sum));
    float own;
    if (options.placement == Placement::kKetama) {
      const double exact = Rounded(Rounded(share * digests) * servers);
      own = Rounded(static_cast<float>(exact));
    } else {
      own = Rounded(Rounded(share * points) / float{kPointsPerDigest});
      own = Rounded(Rounded(own * servers) + 1e-10F);
    }
    counts.push_back(kPointsPerDigest * static_cast<uint64_t>(std::floor(own)));
  }
  return counts;
}

std::vector<uint64_t> NginxCounts(const HashRingOptions& options,
                                  absl::Span<const RingNode> nodes) {
  std::vector<uint64_t> counts;
  counts.reserve(nodes.size());
  for (const RingNode& node : nodes)
    counts.push_back(uint64_t{node.weight} * options.vnodes_per_weight);
  return counts;
}

// How many points each node gets; refuses too many, or none at all.
absl::StatusOr<std::vector<uint64_t>> CountsOf(
    const HashRingOptions& options, absl::Span<const RingNode> nodes) {
  uint64_t weight_sum = 0;
  for (const RingNode& node : nodes) weight_sum += node.weight;
  const std::string name = NameOf(options.placement);
  if (weight_sum > kWeightSumMax)
    return absl::InvalidArgumentError(
        absl::StrCat("weight: the sum is ", weight_sum, "; the limit of ", name,
                     " is ", kWeightSumMax));

  std::vector<uint64_t> counts;
  if (options.placement == Placement::kEnvoy) {
    counts = EnvoyCounts(options, nodes, weight_sum);
  } else if (IsKetama(options.placement)) {
    counts = KetamaCounts(options, nodes, weight_sum);
  } else {
    counts = NginxCounts(options, nodes);
  }

  uint64_t points = 0;
  for (size_t n = 0; n < counts.size(); ++n) {
    // Below 2^64: the limit and a product of two 32-bit numbers.
    points += counts[n];
    if (points > kPointsMax)
      return Invalid(
          nodes[n],
          absl::StrCat("of weight ", nodes[n].weight, " brings the ring to ",
                       points, " points with ", name, " and vnodes_per_weight ",
                       options.vnodes_per_weight, "; the limit is ",
                       kPointsMax));
  }
  if (points == 0)
    return absl::InvalidArgumentError(absl::StrCat(
        "vnodes_per_weight is ", options.vnodes_per_weight, ", of which ", name,
        " makes no point at all for ", nodes.size(), " nodes; a ring needs 1"));
  return counts;
}

Token Widened(uint32_t hash) { return Token{hash} << 32; }

// XXH64 of "ID_0", "ID_1", ...
template <typename Emit>
void ForEachEnvoyPoint(std::string_view id, uint64_t count, Emit emit) {
  std::string text = absl::StrCat(Sv(id), "_");
  const size_t stem = text.size();
  for (uint64_t i = 0; i < count; ++i) {
    text.resize(stem);
    absl::StrAppend(&text, i);
    emit(XXH64(text.data(), text.size(), 0));
  }
}

// The words of MD5 of "NAME-0", "NAME-1", ...
template <typename Emit>
void ForEachKetamaPoint(std::string_view name, uint64_t count, Emit emit) {
  std::string text = absl::StrCat(Sv(name), "-");
  const size_t stem = text.size();
  for (uint64_t digest = 0; digest < count / kPointsPerDigest; ++digest) {
    text.resize(stem);
    absl::StrAppend(&text, digest);
    for (const uint32_t word : Md5(text)) emit(Widened(word));
  }
}

// libmemcached leaves out the port that is memcached's own.
std::string_view WithoutDefaultPort(std::string_view id) {
  constexpr std::string_view kPort = ":11211";
  if (absl::EndsWith(Sv(id), Sv(kPort))) id.remove_suffix(kPort.size());
  return id;
}

// HOST, NUL, PORT. A port is the digits after the last colon, if nothing else
// is there; "unix:" and its path has none. nginx compares that without case.
std::string NginxName(std::string_view id) {
  constexpr std::string_view kUnix = "unix:";
  if (absl::StartsWithIgnoreCase(Sv(id), Sv(kUnix)))
    return absl::StrCat(Sv(id.substr(kUnix.size())), std::string(1, '\0'));
  const size_t last = id.find_last_not_of("0123456789");
  std::string name(id);
  if (last != std::string_view::npos && id[last] == ':')
    name[last] = '\0';
  else
    name.push_back('\0');
  return name;
}

// A chain: CRC-32 of NAME and the point before.
template <typename Emit>
void ForEachNginxPoint(std::string_view id, uint64_t count, Emit emit) {
  const uint32_t base = Crc32(NginxName(id));
  uint32_t point = 0;
  for (uint64_t i = 0; i < count; ++i) {
    std::array<char, 4> before;
    for (size_t byte = 0; byte < before.size(); ++byte)
      before[byte] = static_cast<char>(point >> (8 * byte));
    point = ExtendCrc32(base, {before.data(), before.size()});
    emit(Widened(point));
  }
}

template <typename Emit>
void ForEachPoint(Placement placement, std::string_view id, uint64_t count,
                  Emit emit) {
  switch (placement) {
    case Placement::kTrivet:
      return;
    case Placement::kEnvoy:
      return ForEachEnvoyPoint(id, count, emit);
    case Placement::kKetama:
      return ForEachKetamaPoint(id, count, emit);
    case Placement::kKetamaWeighted:
      return ForEachKetamaPoint(WithoutDefaultPort(id), count, emit);
    case Placement::kNginx:
      return ForEachNginxPoint(id, count, emit);
  }
}

}  // namespace

Token ForeignTokenOf(Placement placement, std::string_view key) {
  if (placement == Placement::kEnvoy) return XXH64(key.data(), key.size(), 0);
  if (placement == Placement::kNginx) return Widened(Crc32(key));
  TRIVET_INVARIANT(IsKetama(placement), "no foreign placement");
  return Widened(Md5(key)[0]);
}

absl::StatusOr<std::vector<Point>> ForeignPoints(
    const HashRingOptions& options, absl::Span<const RingNode> nodes) {
  const Placement placement = options.placement;
  TRIVET_INVARIANT(placement != Placement::kTrivet, "no foreign placement");
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  const absl::StatusOr<std::vector<uint64_t>> counts = CountsOf(options, nodes);
  if (!counts.ok()) return counts.status();

  std::vector<Point> points;
  points.reserve(std::accumulate(counts->begin(), counts->end(), uint64_t{0}));
  for (size_t n = 0; n < nodes.size(); ++n)
    ForEachPoint(placement, nodes[n].id, (*counts)[n], [&](Token token) {
      points.push_back({token, static_cast<NodeIndex>(n)});
    });

  // Where 32-bit points tie, the originals' (stable) sort leaves the server
  // first that was configured first; nginx then drops the others.
  std::sort(points.begin(), points.end());
  if (placement == Placement::kNginx)
    points.erase(std::unique(points.begin(), points.end(),
                             [](const Point& a, const Point& b) {
                               return a.token == b.token;
                             }),
                 points.end());
  return points;
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
