// SPDX-License-Identifier: Apache-2.0

#include "src/testing/transcripts.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "src/internal/strings.h"
#include "src/internal/transcript.h"
#include "src/testing/node.h"
#include "src/testing/trace.h"
#include "src/testing/world.h"
#include "trivet/testing/sim_host.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

// `name` as a part of a file's name.
std::string FileWord(std::string_view name) {
  std::string word(name);
  for (char& c : word) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return word;
}

}  // namespace

class Transcripts::OneOf final : public Transcript {
 public:
  OneOf(const Transcripts* all, std::string script)
      : all_(all), script_(std::move(script)) {}

  std::string Now() const override { return SimTimeText(all_->world_->now()); }
  void Add(std::string_view text) override { all_->write_(script_, text); }

 private:
  const Transcripts* const all_;
  const std::string script_;
};

std::unique_ptr<Transcript> Transcripts::New(std::string_view name) {
  const Process* const process = world_->running();
  const std::string_view host =
      process != nullptr ? process->node()->name() : testing::SimHost::kWorld;
  const uint64_t start = process != nullptr ? process->node()->starts() : 0;
  auto transcript = std::make_unique<OneOf>(
      this, absl::StrCat(absl::Dec(++count_, absl::kZeroPad3), "_",
                         FileWord(name), "_on_", FileWord(host)));
  transcript->Add(absl::StrCat("# Seed ", world_->dice().seed(), ", at ",
                               transcript->Now(), ": opened on ", Sv(host),
                               ", start ", start, ".\n"));
  return transcript;
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
