// SPDX-License-Identifier: Apache-2.0
//
// Records of a log, and the names of transactions as text: what is read is what
// was written, and has no other form.

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/txn/codec.h"
#include "src/txn/peer_table.h"
#include "tests/fuzz/allocations.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/input.h"
#include "trivet/txn/transaction.h"
#include "trivet/txn/txn_record.h"

namespace trivet {
namespace {

void CheckRecord(const std::string& bytes) {
  internal::PeerTable peers;
  const Allocations allocations;
  const absl::StatusOr<TxnRecord> record =
      internal::DecodeRecord(bytes, &peers);
  FUZZ_CHECK(allocations.Bytes() <= AllocationLimit(bytes.size()));
  if (record.ok()) {
    FUZZ_CHECK(internal::EncodeRecord(*record, peers) == bytes);
  } else {
    FUZZ_CHECK(absl::IsDataLoss(record.status()) ||
               absl::IsUnimplemented(record.status()));
  }
}

void CheckId(const std::string& text) {
  const absl::StatusOr<TxnId> id = TxnId::Parse(text);
  if (id.ok()) {
    FUZZ_CHECK(id->ToString() == text && !id->coordinator.empty());
  } else {
    FUZZ_CHECK(absl::IsInvalidArgument(id.status()));
    FUZZ_CHECK(id.status().message().size() < 4000);
  }
}

}  // namespace
}  // namespace trivet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes = trivet::Input(data, size).Rest();
  trivet::CheckRecord(bytes);
  trivet::CheckId(bytes);
  return 0;
}
