// SPDX-License-Identifier: Apache-2.0

#include "src/internal/transcript.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

thread_local std::vector<TranscriptSource*> sources;

}  // namespace

std::unique_ptr<Transcript> NewTranscript(std::string_view name) {
  return sources.empty() ? nullptr : sources.back()->New(name);
}

TranscriptSource::TranscriptSource() { sources.push_back(this); }

TranscriptSource::~TranscriptSource() {
  sources.erase(std::find(sources.begin(), sources.end(), this));
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
