// SPDX-License-Identifier: Apache-2.0
//
// Payloads from the network: any bytes, or any bodies in frames whose checksums
// are right. What is understood has one encoding, the one that came.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "src/internal/bytes.h"
#include "src/internal/crc32c.h"
#include "src/txn/codec.h"
#include "src/txn/peer_table.h"
#include "tests/fuzz/allocations.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/input.h"
#include "trivet/txn/txn_message.h"

namespace trivet {
namespace {

std::string FramesOf(Input* input) {
  std::string payload;
  while (!input->IsEmpty()) {
    const std::string version_and_type = input->Text(2);
    const std::string body = input->Text(input->Byte());
    internal::ByteWriter frame(&payload);
    frame.Raw(version_and_type);
    frame.U32(static_cast<uint32_t>(body.size()));
    frame.U32(internal::ExtendCrc32c(internal::Crc32c(version_and_type), body));
    frame.Raw(body);
  }
  return payload;
}

internal::DecodedPayload Decode(std::string_view payload,
                                internal::PeerTable* peers) {
  return internal::DecodePayload(
      payload, [peers](std::string_view name) -> std::optional<PeerId> {
        if (!name.empty() && name[0] == '!')
          return std::nullopt;  // A stranger.
        return peers->InternBounded(name);
      });
}

void Run(const std::string& payload) {
  internal::PeerTable peers;
  const Allocations allocations;
  const internal::DecodedPayload decoded = Decode(payload, &peers);
  FUZZ_CHECK(allocations.Bytes() <= AllocationLimit(payload.size()));

  std::string again;
  for (const TxnMessage& message : decoded.messages) {
    std::string frame;
    internal::AppendFrame(message, peers, &frame);
    FUZZ_CHECK(payload.find(frame) != std::string::npos);
    again += frame;
  }
  if (decoded.dropped == 0) FUZZ_CHECK(again == payload);
  const internal::DecodedPayload same = Decode(again, &peers);
  FUZZ_CHECK(same.dropped == 0);
  FUZZ_CHECK(same.messages.size() == decoded.messages.size());
}

}  // namespace
}  // namespace trivet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  trivet::Input input(data, size);
  trivet::Run(input.OneIn(2) ? trivet::FramesOf(&input) : input.Rest());
  return 0;
}
