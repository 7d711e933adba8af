// SPDX-License-Identifier: Apache-2.0
//
// Transcript: where a driver writes down what happens to its machine and what
// that leads to, if somebody wants to know. In what words, it decides itself.
//
//   Simulation (a TranscriptSource) <-- NewTranscript -- driver, when opened
//
// Thread safety: a source serves the thread that made it. A transcript is
// thread-compatible.

#ifndef TRIVET_SRC_INTERNAL_TRANSCRIPT_H_
#define TRIVET_SRC_INTERNAL_TRANSCRIPT_H_

#include <memory>
#include <string>
#include <string_view>

#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class Transcript {
 public:
  virtual ~Transcript() = default;

  // What time it is for whoever reads it.
  virtual std::string Now() const = 0;

  virtual void Add(std::string_view text) = 0;
};

// Of one incarnation of the role `name`. nullptr: nobody wants it.
TRIVET_EXPORT std::unique_ptr<Transcript> NewTranscript(std::string_view name);

// While one exists, what its thread opens is written down; of several, by the
// newest. For the simulator alone.
class TRIVET_EXPORT TranscriptSource {
 public:
  TranscriptSource();
  virtual ~TranscriptSource();
  TranscriptSource(const TranscriptSource&) = delete;
  TranscriptSource& operator=(const TranscriptSource&) = delete;

  virtual std::unique_ptr<Transcript> New(std::string_view name) = 0;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_INTERNAL_TRANSCRIPT_H_
