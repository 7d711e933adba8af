// SPDX-License-Identifier: Apache-2.0
//
// The scripts of histories as files: FOLDER/txn-4711/007_till_on_desk.txt.

#ifndef TRIVET_SRC_TESTING_SCRIPT_FOLDER_H_
#define TRIVET_SRC_TESTING_SCRIPT_FOLDER_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "trivet/config.h"
#include "trivet/testing/sim_main.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// Makes `folder`, and what it stands in. kUnavailable: that cannot be done.
absl::Status MakeFolder(const std::string& folder);

// Makes the folder of one history in `folder`; scripts of an earlier run are
// gone then. kUnavailable: that cannot be done. Nothing for an empty `folder`.
absl::Status MakeScriptFolder(const std::string& folder,
                              const std::string& scenario, uint64_t seed);

// The same scenario; but each history writes its scripts to its folder in
// `folder`, as it goes: it may end its process. That something cannot be
// written is said on stderr at once. An empty `folder`: nothing is written.
// REQUIRES: MakeScriptFolder() of each history.
testing::Scenario WritingScripts(const testing::Scenario& scenario,
                                 const std::string& folder);

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TESTING_SCRIPT_FOLDER_H_
