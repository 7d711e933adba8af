// SPDX-License-Identifier: Apache-2.0

#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "src/ring/ring_rep.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"
#include "trivet/testing/ring_agreement_checker.h"
#include "trivet/testing/violations.h"

namespace trivet {
namespace {

using ::testing::HasSubstr;
using testing::RingAgreementChecker;
using testing::Violations;

class RingAgreementTest : public ::testing::Test {
 protected:
  Violations violations_;
  RingAgreementChecker checker_{&violations_};
};

TEST_F(RingAgreementTest, EqualMembersInAnyOrderPass) {
  const HashRing one = *HashRing::Builder().Add("a").Add("b", 2).Build();
  const HashRing two = *HashRing::Builder().Add("b", 3).Add("a").Build();
  const HashRing mended = *HashRing::Builder(two).Set({"b", 2, ""}).Build();
  checker_.Uses("x", "a:1 b:2", one);
  checker_.Uses("y", "a:1 b:3", two);
  checker_.Uses("y", "a:1 b:2", mended);
  EXPECT_EQ(violations_.ToString(), "");
}

TEST_F(RingAgreementTest, ARingOfOtherMembersIsReported) {
  const HashRing ring = *HashRing::Builder().Add("a").Add("b", 2).Build();
  checker_.Uses("x", {{"b", 2, ""}, {"a", 1, ""}}, ring);
  EXPECT_EQ(violations_.ToString(), "");
  checker_.Uses("y", {{"b", 3, ""}, {"a", 1, "z"}}, ring);
  EXPECT_EQ(violations_.ToString(),
            "Members: the ring of y has a:1 b:2 and should have a:1:z b:3\n");
}

TEST_F(RingAgreementTest, RingsInOrderOfArrivalAreReported) {
  HashRingOptions options;
  options.placement = Placement::kKetama;
  checker_.Uses("x", "a b",
                *HashRing::Builder(options).Add("a").Add("b").Build());
  checker_.Uses("y", "a b",
                *HashRing::Builder(options).Add("b").Add("a").Build());
  EXPECT_EQ(violations_.ToString(),
            "Fingerprint: the rings of x and y differ, and both have the "
            "members a b\n");
}

// A ring that says it is another one.
HashRing Disguised(HashRing ring, const HashRing& as) {
  using Rep = internal::RingAccess::Rep;
  const_cast<Rep&>(internal::RingAccess::Of(ring)).fingerprint =
      as.Fingerprint();
  return ring;
}

TEST_F(RingAgreementTest, OneKeyOfAnotherOwnerIsReported) {
  const HashRing light = *HashRing::Builder().Add("a", 50).Add("b").Build();
  const HashRing heavy = *HashRing::Builder().Add("a", 51).Add("b").Build();
  checker_.Uses("x", "a:50 b:1", light);
  checker_.Uses("y", "a:50 b:1", light);
  EXPECT_EQ(violations_.ToString(), "");
  checker_.Uses("z", "a:50 b:1", Disguised(heavy, light));
  EXPECT_THAT(violations_.ToString(), HasSubstr("Owner: token "));
  EXPECT_THAT(violations_.ToString(), HasSubstr(" is b's for x and a's for z"));
}

}  // namespace
}  // namespace trivet
