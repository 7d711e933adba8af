// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/ring_agreement_checker.h"

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "src/internal/strings.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"
#include "trivet/ring/ring_diff.h"
#include "trivet/testing/violations.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {
namespace {

constexpr Token kLookups = 32;

}  // namespace

void RingAgreementChecker::Uses(std::string_view host, std::string_view members,
                                const HashRing& ring) {
  const First mine{std::string(host), ring};
  const First& of_members =
      by_members_.try_emplace(std::string(members), mine).first->second;
  if (of_members.ring.Fingerprint() != ring.Fingerprint()) {
    violations_->Add(
        "Fingerprint",
        absl::StrCat("the rings of ", of_members.host, " and ", mine.host,
                     " differ, and both have the members ",
                     internal::Sv(members)));
    return;  // Nor need they be comparable.
  }
  const First& same =
      by_fingerprint_.try_emplace(ring.Fingerprint(), mine).first->second;
  const auto differ = [&](Token token, const std::string& theirs,
                          const std::string& ours) {
    violations_->Add(
        "Owner",
        absl::StrCat("token ", absl::Hex(token, absl::kZeroPad16), " is ",
                     theirs, "'s for ", same.host, " and ", ours, "'s for ",
                     mine.host, ", and their rings should be equal"));
  };
  for (const RangeTransfer& one : Diff(same.ring, ring)) {
    return differ(one.range.through, one.from, one.to);
  }
  // And what is looked up is what the points say.
  for (Token i = 0; i < kLookups; ++i) {
    const Token token = i * (~Token{0} / kLookups);
    const std::string& theirs = same.ring.LookupToken(token).id;
    const std::string& ours = ring.LookupToken(token).id;
    if (theirs != ours) return differ(token, theirs, ours);
  }
}

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
