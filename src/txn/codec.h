// SPDX-License-Identifier: Apache-2.0
//
// The bytes of messages and records, version 1.
//
//   payload  frame frame ...
//   frame    u8 version | u8 type | u32 size | u32 crc | body    little-endian;
//            crc: CRC-32C over version, type and body
//   record   u8 version | u8 type | body        the LogStore keeps them whole
//   body     varints (LEB128) and strings (varint length, bytes); every body
//            about a transaction begins with coordinator, epoch, sequence
//
// Types are numbered from 1 in the order of TxnMessage and TxnRecord. A body
// must be used up exactly. Lengths are checked against what is there before
// anything is allocated.
//
// Thread safety: functions of their arguments.

#ifndef TRIVET_SRC_TXN_CODEC_H_
#define TRIVET_SRC_TXN_CODEC_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "src/txn/peer_table.h"
#include "trivet/config.h"
#include "trivet/txn/txn_message.h"
#include "trivet/txn/txn_record.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

TRIVET_EXPORT void AppendFrame(const TxnMessage& message,
                               const PeerTable& peers, std::string* payload);

// Says who the coordinator named in a frame is. nullopt: nobody that the frame
// may speak of; it is dropped. Called before anything else is believed.
using CoordinatorResolver =
    absl::FunctionRef<std::optional<PeerId>(std::string_view full_name)>;

struct DecodedPayload {
  std::vector<TxnMessage> messages;
  size_t dropped = 0;  // Frames; a damaged one takes the rest along, as one.
};

// Decodes what a peer sent, frame by frame. A frame of an unknown version or
// type is dropped by itself if its checksum is right.
TRIVET_EXPORT DecodedPayload DecodePayload(std::string_view payload,
                                           CoordinatorResolver resolve);

TRIVET_EXPORT std::string EncodeRecord(const TxnRecord& record,
                                       const PeerTable& peers);

// Names are interned without a bound: the log is ours.
// kUnimplemented: written by a newer trivet. kDataLoss: not a trivet record.
TRIVET_EXPORT absl::StatusOr<TxnRecord> DecodeRecord(std::string_view bytes,
                                                     PeerTable* peers);

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TXN_CODEC_H_
