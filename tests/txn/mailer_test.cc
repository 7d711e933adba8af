// SPDX-License-Identifier: Apache-2.0

#include "src/txn/mailer.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "src/txn/codec.h"
#include "src/txn/peer_table.h"
#include "src/txn/shared_peers.h"
#include "trivet/host/transport.h"
#include "trivet/txn/txn_effects.h"
#include "trivet/txn/txn_message.h"

namespace trivet {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::SizeIs;

class KeepingTransport final : public Transport {
 public:
  void Send(Envelope envelope) override { kept.push_back(std::move(envelope)); }
  std::vector<Envelope> kept;
};

class MailerTest : public ::testing::Test {
 protected:
  PeerId Peer(std::string_view name) { return peers_.Intern(name); }
  Outgoing To(std::string_view name, uint64_t sequence, std::string work = {}) {
    return {Peer(name),
            PrepareRequest{{Peer("bank#1"), {1, sequence}}, {1, 1}, work}};
  }
  // The sequence numbers of the messages in an envelope.
  std::vector<uint64_t> Sequences(const Envelope& envelope) {
    const internal::DecodedPayload decoded = internal::DecodePayload(
        envelope.payload, [&](std::string_view name) -> std::optional<PeerId> {
          return Peer(name);
        });
    EXPECT_EQ(decoded.dropped, 0u);
    std::vector<uint64_t> sequences;
    for (const TxnMessage& message : decoded.messages) {
      sequences.push_back(
          std::get<PrepareRequest>(message).txn.number.sequence);
    }
    return sequences;
  }

  internal::SharedPeers peers_{internal::PeerTable()};
  KeepingTransport transport_;
};

bool Always() { return true; }

TEST_F(MailerTest, PutsWhatIsForOnePeerIntoOneEnvelopeInOrder) {
  internal::Mailer mailer(&transport_, "bank",
                          internal::Mailer::Peers::kParticipants);
  EXPECT_EQ(mailer.Send({To("a", 1), To("b", 2), To("a", 3), To("b", 4)},
                        peers_, Always),
            2u);
  ASSERT_THAT(transport_.kept, SizeIs(2));
  EXPECT_EQ(transport_.kept[0].from, "bank");
  EXPECT_EQ(transport_.kept[0].to, "a");
  EXPECT_THAT(Sequences(transport_.kept[0]), ElementsAre(1, 3));
  EXPECT_EQ(transport_.kept[1].to, "b");
  EXPECT_THAT(Sequences(transport_.kept[1]), ElementsAre(2, 4));
}

TEST_F(MailerTest, BoundsAnEnvelopeUnlessAMessageIsLarger) {
  internal::Mailer mailer(&transport_, "bank",
                          internal::Mailer::Peers::kParticipants);
  std::vector<Outgoing> messages;
  for (uint64_t i = 1; i <= 100; ++i) {
    messages.push_back(To("a", i, std::string(10'000, 'w')));
  }
  messages.push_back(
      To("a", 101, std::string(2 * internal::Mailer::kEnvelopeBytesMax, 'w')));
  messages.push_back(To("a", 102));
  const size_t sent = mailer.Send(messages, peers_, Always);
  EXPECT_EQ(sent, transport_.kept.size());

  std::vector<uint64_t> sequences;
  for (const Envelope& envelope : transport_.kept) {
    const std::vector<uint64_t> some = Sequences(envelope);
    if (some.size() > 1) {
      EXPECT_THAT(envelope.payload,
                  SizeIs(Le(internal::Mailer::kEnvelopeBytesMax)));
    }
    sequences.insert(sequences.end(), some.begin(), some.end());
  }
  EXPECT_LE(sent, 7u);
  ASSERT_THAT(sequences, SizeIs(102));
  for (uint64_t i = 0; i < 102; ++i) EXPECT_EQ(sequences[i], i + 1);
}

TEST_F(MailerTest, AParticipantWritesToTheAddressOfACoordinator) {
  internal::Mailer mailer(&transport_, "a",
                          internal::Mailer::Peers::kCoordinators);
  mailer.Send({To("bank#x#0123", 1)}, peers_, Always);
  ASSERT_THAT(transport_.kept, SizeIs(1));
  EXPECT_EQ(transport_.kept[0].to, "bank#x");
}

TEST_F(MailerTest, SendsNoFurtherOnceToldToStop) {
  internal::Mailer mailer(&transport_, "bank",
                          internal::Mailer::Peers::kParticipants);
  const auto none_yet = [&] { return transport_.kept.empty(); };
  EXPECT_EQ(mailer.Send({To("a", 1), To("b", 2)}, peers_, none_yet), 1u);
  EXPECT_THAT(transport_.kept, SizeIs(1));
  EXPECT_EQ(mailer.Send({}, peers_, Always), 0u);
}

}  // namespace
}  // namespace trivet
