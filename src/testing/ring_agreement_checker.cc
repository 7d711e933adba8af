// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/ring_agreement_checker.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "src/internal/backoff.h"
#include "src/internal/strings.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"
#include "trivet/ring/ring_diff.h"
#include "trivet/testing/violations.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {
namespace {

constexpr uint64_t kLookups = 32;

bool ById(const RingNode& a, const RingNode& b) { return a.id < b.id; }

std::string TextOf(const std::vector<RingNode>& members) {
  std::string text;
  for (const auto& [id, weight, zone] : members) {
    absl::StrAppend(&text, text.empty() ? "" : " ", id, ":", weight,
                    zone.empty() ? "" : ":", zone);
  }
  return text;
}

// Every range of `ring`, with its owner: what it would give away if all its
// nodes were replaced.
std::vector<RangeTransfer> OwnedIn(const HashRing& ring) {
  HashRing::Builder builder(ring);
  std::string stranger = "stranger";
  for (const RingNode& node : ring.nodes()) {
    builder.Remove(node.id);
    if (node.id == stranger) stranger += "!";
  }
  const absl::StatusOr<HashRing> other = builder.Add(stranger).Build();
  if (!other.ok()) return {};
  return Diff(ring, *other);
}

}  // namespace

void RingAgreementChecker::Uses(std::string_view host,
                                std::vector<RingNode> members,
                                const HashRing& ring) {
  std::sort(members.begin(), members.end(), ById);
  std::vector<RingNode> nodes(ring.nodes().begin(), ring.nodes().end());
  std::sort(nodes.begin(), nodes.end(), ById);
  const std::string text = TextOf(members);
  if (nodes != members) {
    violations_->Add("Members",
                     absl::StrCat("the ring of ", internal::Sv(host), " has ",
                                  TextOf(nodes), " and should have ", text));
    return;
  }
  Uses(host, text, ring);
}

void RingAgreementChecker::Uses(std::string_view host, std::string_view members,
                                const HashRing& ring) {
  const First& of_members =
      by_members_
          .try_emplace(std::string(members), First{std::string(host), ring, {}})
          .first->second;
  if (of_members.ring.Fingerprint() != ring.Fingerprint()) {
    violations_->Add(
        "Fingerprint",
        absl::StrCat("the rings of ", of_members.host, " and ",
                     internal::Sv(host), " differ, and both have the members ",
                     internal::Sv(members)));
    return;  // Nor need they be comparable.
  }
  auto same = by_fingerprint_.find(ring.Fingerprint());
  if (same == by_fingerprint_.end()) {
    same = by_fingerprint_
               .emplace(ring.Fingerprint(),
                        First{std::string(host), ring, OwnedIn(ring)})
               .first;
  }
  Compare(same->second, host, ring);
}

void RingAgreementChecker::Compare(const First& same, std::string_view host,
                                   const HashRing& ring) {
  const auto differ = [&](Token token, const std::string& theirs,
                          const std::string& ours) {
    violations_->Add(
        "Owner",
        absl::StrCat("token ", absl::Hex(token, absl::kZeroPad16), " is ",
                     theirs, "'s for ", same.host, " and ", ours, "'s for ",
                     internal::Sv(host), ", and their rings should be equal"));
  };
  for (const RangeTransfer& one : Diff(same.ring, ring)) {
    return differ(one.range.through, one.from, one.to);
  }
  // And what is looked up is what the points say: both ends of some ranges, and
  // some tokens.
  for (uint64_t i = 0; i < kLookups && !same.owned.empty(); ++i) {
    const uint64_t drawn = internal::SplitMix64::Mix(++drawn_);
    const RangeTransfer& owned = same.owned[drawn % same.owned.size()];
    for (const Token token : {owned.range.after + 1, owned.range.through}) {
      const std::string& ours = ring.LookupToken(token).id;
      if (owned.from != ours) return differ(token, owned.from, ours);
    }
    const std::string& theirs = same.ring.LookupToken(drawn).id;
    const std::string& ours = ring.LookupToken(drawn).id;
    if (theirs != ours) return differ(drawn, theirs, ours);
  }
}

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
