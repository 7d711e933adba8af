// SPDX-License-Identifier: Apache-2.0

#include "src/txn/codec.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "src/internal/bytes.h"
#include "src/internal/crc32c.h"
#include "src/txn/peer_table.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_message.h"
#include "trivet/txn/txn_record.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

constexpr uint8_t kVersion = 1;

// --- What each struct consists of, for writing and for reading alike. The
// pointer only picks the overload: T is the struct, const or not.
template <typename T>
auto FieldsOf(T& m, const PrepareRequest*) {
  return std::tie(m.txn, m.horizon, m.work);
}
template <typename T>
auto FieldsOf(T& m, const VoteReply*) {
  return std::tie(m.txn, m.vote);
}
template <typename T>
auto FieldsOf(T& m, const DecisionNotice*) {
  return std::tie(m.txn, m.decision);
}
template <typename T>
auto FieldsOf(T& m, const DecisionAck*) {
  return std::tie(m.txn);
}
template <typename T>
auto FieldsOf(T& m, const DecisionInquiry*) {
  return std::tie(m.txn);
}
template <typename T>
auto FieldsOf(T& m, const HorizonRequest*) {
  return std::tie(m.coordinator);
}
template <typename T>
auto FieldsOf(T& m, const HorizonNotice*) {
  return std::tie(m.coordinator, m.horizon);
}
template <typename T>
auto FieldsOf(T& r, const LogIdentity*) {
  return std::tie(r.id);
}
template <typename T>
auto FieldsOf(T& r, const CommitDecided*) {
  return std::tie(r.txn, r.yes_voters);
}
template <typename T>
auto FieldsOf(T& r, const Ended*) {
  return std::tie(r.txn);
}
template <typename T>
auto FieldsOf(T& r, const Forgotten*) {
  return std::tie(r.txn);
}
template <typename T>
auto FieldsOf(T& r, const Prepared*) {
  return std::tie(r.txn, r.work);
}
template <typename T>
auto FieldsOf(T& r, const Resolved*) {
  return std::tie(r.txn, r.decision);
}
template <typename T>
auto FieldsOf(T& r, const Applied*) {
  return std::tie(r.txn);
}
template <typename T>
auto FieldsOf(T& r, const HorizonPassed*) {
  return std::tie(r.coordinator, r.horizon);
}
template <typename T>
auto FieldsOf(T& r, const Heuristic*) {
  return std::tie(r.txn, r.decision);
}
template <typename T>
auto FieldsOf(T& r, const LogOwner*) {
  return std::tie(r.participant);
}

class FieldWriter {
 public:
  FieldWriter(const PeerTable& peers, std::string* out)
      : peers_(peers), bytes_(out) {}

  template <typename Struct>
  void WriteAll(const Struct& fields) {
    std::apply([this](const auto&... field) { (this->Write(field), ...); },
               FieldsOf(fields, &fields));
  }

 private:
  void Write(PeerId peer) { bytes_.Bytes(peers_.Name(peer)); }
  void Write(const std::string& text) { bytes_.Bytes(text); }
  void Write(TxnNumber number) {
    bytes_.Varint(number.epoch);
    bytes_.Varint(number.sequence);
  }
  void Write(const TxnKey& txn) {
    Write(txn.coordinator);
    Write(txn.number);
  }
  void Write(Decision decision) {
    bytes_.U8(decision == Decision::kCommit ? 1 : 2);
  }
  void Write(const Vote& vote) {
    bytes_.U8(vote.kind == Vote::kYes ? 1 : vote.kind == Vote::kNo ? 2 : 3);
    bytes_.Bytes(
        std::string_view(vote.reason).substr(0, Vote::kReasonBytesMax));
  }
  void Write(const std::vector<PeerId>& list) {
    bytes_.Varint(list.size());
    for (const PeerId peer : list) Write(peer);
  }

  const PeerTable& peers_;
  ByteWriter bytes_;
};

class FieldReader {
 public:
  using Resolver = absl::FunctionRef<std::optional<PeerId>(std::string_view)>;

  FieldReader(std::string_view bytes, Resolver resolve)
      : bytes_(bytes), resolve_(resolve) {}

  // False: not the bytes of such a struct, or they name somebody unknown.
  template <typename Struct>
  bool ReadAll(Struct* fields) {
    std::apply([this](auto&... field) { (this->Read(&field), ...); },
               FieldsOf(*fields, fields));
    return bytes_.Finished();
  }

 private:
  void Read(PeerId* peer) {
    const std::string_view name = bytes_.Bytes(PeerTable::kNameBytesMax);
    if (!bytes_.ok()) return;
    const std::optional<PeerId> known = resolve_(name);
    if (!known) return bytes_.Fail();
    *peer = *known;
  }
  void Read(std::string* text) { *text = bytes_.Bytes(bytes_.remaining()); }
  void Read(TxnNumber* number) {
    number->epoch = bytes_.Varint();
    number->sequence = bytes_.Varint();
  }
  void Read(TxnKey* txn) {
    Read(&txn->coordinator);
    Read(&txn->number);
  }
  void Read(Decision* decision) {
    const uint8_t byte = bytes_.U8();
    if (byte != 1 && byte != 2) return bytes_.Fail();
    *decision = byte == 1 ? Decision::kCommit : Decision::kAbort;
  }
  void Read(Vote* vote) {
    const uint8_t byte = bytes_.U8();
    if (byte < 1 || byte > 3) return bytes_.Fail();
    vote->kind = byte == 1   ? Vote::kYes
                 : byte == 2 ? Vote::kNo
                             : Vote::kReadOnly;
    vote->reason = bytes_.Bytes(Vote::kReasonBytesMax);
  }
  void Read(std::vector<PeerId>* list) {
    const uint64_t count = bytes_.Varint();
    if (count > bytes_.remaining()) return bytes_.Fail();  // A byte each.
    list->resize(static_cast<size_t>(count));
    for (PeerId& peer : *list) Read(&peer);
  }

  ByteReader bytes_;
  Resolver resolve_;
};

template <typename Variant>
uint8_t TypeOf(const Variant& variant) {
  return static_cast<uint8_t>(variant.index() + 1);
}

template <typename Variant>
bool IsKnownType(uint8_t type) {
  return type >= 1 && type <= std::variant_size_v<Variant>;
}

// REQUIRES: IsKnownType<Variant>(type).
template <typename Variant, size_t Index = 0>
bool ReadBody(uint8_t type, FieldReader* reader, Variant* out) {
  if constexpr (Index + 1 < std::variant_size_v<Variant>) {
    if (type != Index + 1) {
      return ReadBody<Variant, Index + 1>(type, reader, out);
    }
  }
  return reader->ReadAll(&out->template emplace<Index>());
}

uint32_t FrameChecksum(std::string_view version_and_type,
                       std::string_view body) {
  return ExtendCrc32c(Crc32c(version_and_type), body);
}

}  // namespace

void AppendFrame(const TxnMessage& message, const PeerTable& peers,
                 std::string* payload) {
  std::string body;
  std::visit(
      [&](const auto& fields) { FieldWriter(peers, &body).WriteAll(fields); },
      message);
  const size_t start = payload->size();
  ByteWriter head(payload);
  head.U8(kVersion);
  head.U8(TypeOf(message));
  const auto version_and_type = std::string_view(*payload).substr(start);
  const uint32_t checksum = FrameChecksum(version_and_type, body);
  head.U32(static_cast<uint32_t>(body.size()));
  head.U32(checksum);
  head.Raw(body);
}

DecodedPayload DecodePayload(std::string_view payload,
                             CoordinatorResolver resolve) {
  DecodedPayload decoded;
  ByteReader frames(payload);
  while (frames.remaining() > 0) {
    const std::string_view version_and_type = frames.Raw(2);
    const uint32_t size = frames.U32();
    const uint32_t checksum = frames.U32();
    const std::string_view body = frames.Raw(size);
    if (!frames.ok() || FrameChecksum(version_and_type, body) != checksum) {
      ++decoded.dropped;
      break;
    }
    const auto version = static_cast<uint8_t>(version_and_type[0]);
    const auto type = static_cast<uint8_t>(version_and_type[1]);
    FieldReader reader(body, resolve);
    TxnMessage message;
    if (version == kVersion && IsKnownType<TxnMessage>(type) &&
        ReadBody(type, &reader, &message)) {
      decoded.messages.push_back(std::move(message));
    } else {
      ++decoded.dropped;
    }
  }
  return decoded;
}

std::string EncodeRecord(const TxnRecord& record, const PeerTable& peers) {
  std::string bytes;
  ByteWriter head(&bytes);
  head.U8(kVersion);
  head.U8(TypeOf(record));
  std::visit(
      [&](const auto& fields) { FieldWriter(peers, &bytes).WriteAll(fields); },
      record);
  return bytes;
}

absl::StatusOr<TxnRecord> DecodeRecord(std::string_view bytes,
                                       PeerTable* peers) {
  ByteReader head(bytes);
  const uint8_t version = head.U8();
  const uint8_t type = head.U8();
  if (!head.ok() || version == 0 || type == 0) {
    return absl::DataLossError(absl::StrCat(
        "not a transaction record: ", bytes.size(), " bytes, version ",
        static_cast<int>(version), ", type ", static_cast<int>(type)));
  }
  if (version > kVersion || !IsKnownType<TxnRecord>(type)) {
    return absl::UnimplementedError(absl::StrCat(
        "transaction record of version ", static_cast<int>(version), ", type ",
        static_cast<int>(type), "; this trivet knows version ",
        static_cast<int>(kVersion), ", types up to ",
        std::variant_size_v<TxnRecord>));
  }
  const auto intern = [peers](std::string_view name) {
    return std::optional<PeerId>(peers->Intern(name));
  };
  FieldReader reader(bytes.substr(2), intern);
  TxnRecord record;
  if (!ReadBody(type, &reader, &record)) {
    return absl::DataLossError(
        absl::StrCat("damaged transaction record of type ",
                     static_cast<int>(type), ", ", bytes.size(), " bytes"));
  }
  return record;
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
