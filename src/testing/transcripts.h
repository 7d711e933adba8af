// SPDX-License-Identifier: Apache-2.0
//
// Transcripts: has what the machines in a World do written down, block by
// block, as it happens.
//
// Thread safety: none, as the World.

#ifndef TRIVET_SRC_TESTING_TRANSCRIPTS_H_
#define TRIVET_SRC_TESTING_TRANSCRIPTS_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "src/internal/transcript.h"
#include "trivet/config.h"
#include "trivet/testing/history.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class World;

class Transcripts final : public TranscriptSource {
 public:
  // Both outlive it; `write` is called only while the world runs.
  Transcripts(const World* world, testing::ScriptSink write)
      : world_(world), write_(std::move(write)) {}

  std::unique_ptr<Transcript> New(std::string_view name) override;

 private:
  class OneOf;

  const World* const world_;
  const testing::ScriptSink write_;
  uint64_t count_ = 0;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TESTING_TRANSCRIPTS_H_
