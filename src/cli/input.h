// SPDX-License-Identifier: Apache-2.0
//
// What the tool reads: a file by its name, or standard input by the name "-".
// Whatever is wrong with it, the error begins with that name.

#ifndef TRIVET_SRC_CLI_INPUT_H_
#define TRIVET_SRC_CLI_INPUT_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace trivet {
inline namespace v0_1 {
namespace cli {

// All of it, so that a device without an end does not fill the memory.
constexpr size_t kInputSizeMax = size_t{256} << 20;
absl::StatusOr<std::string> ReadInput(const std::string& name);

// Calls `take` with each line, as it comes in, without its LF or CRLF. An empty
// line is one too, but nothing comes after the last LF. Ends early, and well,
// once `take` returns false.
constexpr size_t kLineSizeMax = size_t{1} << 20;
absl::Status ReadLines(const std::string& name,
                       absl::FunctionRef<bool(std::string_view)> take);

// The error of something that came from `name`.
absl::Status InInput(const std::string& name, const absl::Status& error);

}  // namespace cli
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_CLI_INPUT_H_
