// SPDX-License-Identifier: Apache-2.0
//
// The bytes of messages and records. tests/golden/txn_*_v1.txt holds them as
// text and hexadecimal; they are on disks and wires, so they never change.

#include "src/txn/codec.h"

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "src/internal/crc32c.h"
#include "src/txn/describe.h"
#include "src/txn/peer_table.h"
#include "tests/txn/script_parser.h"
#include "trivet/txn/txn_message.h"
#include "trivet/txn/txn_record.h"

namespace trivet {
namespace {

using internal::AppendFrame;
using internal::DecodedPayload;
using internal::DecodePayload;
using internal::DecodeRecord;
using internal::Describe;
using internal::EncodeRecord;
using internal::PeerTable;
using testing::ElementsAre;
using testing::IsEmpty;

// Lines of text, " = ", and bytes in hexadecimal.
std::vector<std::pair<std::string, std::string>> Golden(
    const std::string& name) {
  std::vector<std::pair<std::string, std::string>> golden;
  std::ifstream file(absl::StrCat("tests/golden/", name));
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    const size_t equals = line.rfind(" = ");
    golden.emplace_back(line.substr(0, equals),
                        absl::HexStringToBytes(line.substr(equals + 3)));
  }
  return golden;
}

std::string Frame(const TxnMessage& message, const PeerTable& peers) {
  std::string frame;
  AppendFrame(message, peers, &frame);
  return frame;
}

class CodecTest : public testing::Test {
 protected:
  std::optional<TxnMessage> Message(const std::string& text) {
    return ParseMessage(ScriptLine(text), 0, &peers_);
  }

  DecodedPayload Decode(std::string_view payload) {
    return DecodePayload(payload, [this](std::string_view name) {
      return peers_.InternBounded(name);
    });
  }

  std::vector<std::string> Texts(const DecodedPayload& decoded) {
    std::vector<std::string> texts;
    for (const TxnMessage& message : decoded.messages) {
      texts.push_back(Describe(message, peers_));
    }
    return texts;
  }

  PeerTable peers_;
};

TEST_F(CodecTest, MessagesAreTheGoldenBytes) {
  const auto golden = Golden("txn_message_v1.txt");
  ASSERT_GE(golden.size(), 10u);
  for (const auto& [text, bytes] : golden) {
    const std::optional<TxnMessage> message = Message(text);
    ASSERT_TRUE(message) << text;
    EXPECT_EQ(absl::BytesToHexString(Frame(*message, peers_)),
              absl::BytesToHexString(bytes))
        << text;
    const DecodedPayload decoded = Decode(bytes);
    EXPECT_EQ(decoded.dropped, 0u);
    EXPECT_THAT(Texts(decoded), ElementsAre(text));
  }
}

TEST_F(CodecTest, RecordsAreTheGoldenBytes) {
  const auto golden = Golden("txn_record_v1.txt");
  ASSERT_GE(golden.size(), 10u);
  for (const auto& [text, bytes] : golden) {
    const auto record = ParseRecord(ScriptLine(text), 0, &peers_);
    ASSERT_TRUE(record) << text;
    EXPECT_EQ(absl::BytesToHexString(EncodeRecord(*record, peers_)),
              absl::BytesToHexString(bytes))
        << text;
    const auto decoded = DecodeRecord(bytes, &peers_);
    ASSERT_TRUE(decoded.ok()) << text;
    EXPECT_EQ(Describe(*decoded, peers_), text);
  }
}

TEST_F(CodecTest, APayloadIsDecodedFrameByFrame) {
  std::string payload;
  std::vector<std::string> texts;
  for (const auto& [text, bytes] : Golden("txn_message_v1.txt")) {
    payload += bytes;
    texts.push_back(text);
  }
  EXPECT_THAT(Texts(Decode(payload)), testing::ElementsAreArray(texts));
  EXPECT_THAT(Decode("").messages, IsEmpty());
  EXPECT_EQ(Decode("").dropped, 0u);
}

TEST_F(CodecTest, EveryTruncationOfAMessageIsRefused) {
  for (const auto& [text, bytes] : Golden("txn_message_v1.txt")) {
    for (size_t size = 1; size < bytes.size(); ++size) {
      const DecodedPayload decoded = Decode(bytes.substr(0, size));
      EXPECT_THAT(decoded.messages, IsEmpty()) << text << " " << size;
      EXPECT_EQ(decoded.dropped, 1u);
    }
  }
}

TEST_F(CodecTest, EveryFlippedBitOfAMessageIsFound) {
  for (const auto& [text, bytes] : Golden("txn_message_v1.txt")) {
    for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      std::string flipped = bytes;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      EXPECT_THAT(Decode(flipped).messages, IsEmpty()) << text << " " << bit;
    }
  }
}

TEST_F(CodecTest, ADamagedFrameTakesOnlyTheRestAlong) {
  const std::string good = Golden("txn_message_v1.txt")[0].second;
  std::string bad = good;
  bad.back() = static_cast<char>(bad.back() ^ 1);
  const DecodedPayload decoded = Decode(good + bad + good);
  EXPECT_EQ(decoded.messages.size(), 1u);
  EXPECT_EQ(decoded.dropped, 1u);
}

// A frame of any version and type with a right checksum.
std::string FrameOf(char version, char type, const std::string& body) {
  std::string frame = {version, type};
  const uint32_t checksum = internal::Crc32c(frame + body);
  for (const uint32_t field : {static_cast<uint32_t>(body.size()), checksum}) {
    for (int i = 0; i < 4; ++i) {
      frame.push_back(static_cast<char>(field >> (8 * i)));
    }
  }
  return frame + body;
}

TEST_F(CodecTest, AFrameOfANewerTrivetIsDroppedByItself) {
  const std::string good = Golden("txn_message_v1.txt")[0].second;
  const DecodedPayload decoded =
      Decode(FrameOf(2, 1, "new") + FrameOf(1, 99, "new") + FrameOf(1, 0, "") +
             FrameOf(0, 1, "") + good);
  EXPECT_EQ(decoded.messages.size(), 1u);
  EXPECT_EQ(decoded.dropped, 4u);
}

TEST_F(CodecTest, ABodyMustBeUsedUpAndWellFormed) {
  const std::string ack(
      "\x03"
      "b#1"
      "\x01\x07",
      6);
  EXPECT_EQ(Decode(FrameOf(1, 4, ack)).messages.size(), 1u);
  EXPECT_EQ(Decode(FrameOf(1, 4, ack + "x")).dropped, 1u);
  EXPECT_EQ(Decode(FrameOf(1, 4, "")).dropped, 1u);
  EXPECT_EQ(Decode(FrameOf(1, 4, ack.substr(0, 5))).dropped, 1u);
  // A decision and a vote that do not exist.
  EXPECT_EQ(Decode(FrameOf(1, 3, ack + '\x03')).dropped, 1u);
  EXPECT_EQ(Decode(FrameOf(1, 2, ack + '\x04' + '\x00')).dropped, 1u);
  // A length of nearly 2^64, and a name that is too long.
  EXPECT_EQ(Decode(FrameOf(1, 4, std::string(9, '\xFF') + '\x01')).dropped, 1u);
  const std::string name(600, 'n');
  EXPECT_EQ(Decode(FrameOf(1, 4, "\xD8\x04" + name + "\x01\x07")).dropped, 1u);
}

TEST_F(CodecTest, ACoordinatorThatIsNotMeantDropsTheFrame) {
  const std::string good = Golden("txn_message_v1.txt")[0].second;
  const auto nobody = [](std::string_view) -> std::optional<PeerId> {
    return std::nullopt;
  };
  const DecodedPayload decoded = DecodePayload(good + good, nobody);
  EXPECT_THAT(decoded.messages, IsEmpty());
  EXPECT_EQ(decoded.dropped, 2u);
}

TEST_F(CodecTest, AReasonIsCut) {
  const TxnKey txn{peers_.Intern("b#1"), {1, 7}};
  const VoteReply reply{txn, {Vote::kNo, std::string(300, 'r')}};
  const DecodedPayload decoded = Decode(Frame(reply, peers_));
  ASSERT_EQ(decoded.messages.size(), 1u);
  EXPECT_EQ(std::get<VoteReply>(decoded.messages[0]).vote.reason,
            std::string(256, 'r'));
}

TEST_F(CodecTest, EveryTruncationOfARecordIsRefused) {
  for (const auto& [text, bytes] : Golden("txn_record_v1.txt")) {
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(DecodeRecord(bytes.substr(0, size), &peers_).ok()) << text;
    }
    const auto longer = DecodeRecord(bytes + "x", &peers_);
    EXPECT_FALSE(longer.ok()) << text;
  }
}

TEST_F(CodecTest, ARecordOfANewerTrivetIsUnimplementedAndGarbageIsDataLoss) {
  const auto code = [this](const std::string& bytes) {
    return DecodeRecord(bytes, &peers_).status().code();
  };
  EXPECT_EQ(code({2, 1, 'x'}), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(code({1, 99, 'x'}), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(code(""), absl::StatusCode::kDataLoss);
  EXPECT_EQ(code({1}), absl::StatusCode::kDataLoss);
  EXPECT_EQ(code({0, 1, 'x'}), absl::StatusCode::kDataLoss);
  EXPECT_EQ(code({1, 0, 'x'}), absl::StatusCode::kDataLoss);
  EXPECT_EQ(code({1, 3, 'x'}), absl::StatusCode::kDataLoss);
  // More voters than there are bytes.
  EXPECT_EQ(code(std::string("\x01\x02\x03"
                             "b#1\x01\x07\x7F",
                             9)),
            absl::StatusCode::kDataLoss);
}

TEST(PeerTableTest, BoundsWhatStrangersCanMakeItKeep) {
  PeerTable peers;
  const PeerId a = peers.Intern("a");
  EXPECT_EQ(peers.InternBounded("a"), a);
  EXPECT_EQ(peers.InternBounded(""), std::nullopt);
  EXPECT_EQ(peers.InternBounded(std::string(513, 'n')), std::nullopt);
  EXPECT_NE(peers.InternBounded(std::string(512, 'n')), std::nullopt);
  while (peers.size() < PeerTable::kPeersMax) {
    peers.InternBounded(absl::StrCat("n", peers.size()));
  }
  EXPECT_EQ(peers.InternBounded("one more"), std::nullopt);
  EXPECT_EQ(peers.Name(*peers.InternBounded("n77")), "n77");
  EXPECT_EQ(peers.Find("one more"), std::nullopt);
  EXPECT_NE(peers.Intern("one of ours"), a);
}

TEST(PeerTableTest, AnAddressIsWhatStandsBeforeTheLastHash) {
  EXPECT_EQ(internal::AddressOf("bank-1#9f3c"), "bank-1");
  EXPECT_EQ(internal::AddressOf("bank#1#9f3c"), "bank#1");
  EXPECT_EQ(internal::AddressOf("shard-a"), "shard-a");
  EXPECT_EQ(internal::AddressOf("#9f3c"), "");
}

}  // namespace
}  // namespace trivet
