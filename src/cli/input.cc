// SPDX-License-Identifier: Apache-2.0

#include "src/cli/input.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <istream>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace trivet {
inline namespace v0_1 {
namespace cli {
namespace {

std::string SystemError() {
  return errno == 0 ? "it cannot be read"
                    : std::generic_category().message(errno);
}

// Opens `name`, has it read by `read`, and names it in what went wrong.
absl::Status WithInput(const std::string& name,
                       absl::FunctionRef<absl::Status(std::istream&)> read) {
  std::ifstream file;
  errno = 0;
  if (name != "-") {
    file.open(name, std::ios::binary);
    if (!file) return InInput(name, absl::NotFoundError(SystemError()));
  }
  std::istream& in = name == "-" ? std::cin : file;
  const absl::Status status = read(in);
  if (in.bad()) return InInput(name, absl::DataLossError(SystemError()));
  return status.ok() ? status : InInput(name, status);
}

}  // namespace

absl::StatusOr<std::string> ReadInput(const std::string& name) {
  std::string text;
  absl::Status status = WithInput(name, [&](std::istream& in) {
    constexpr size_t kPart = size_t{64} << 10;
    while (in) {
      if (text.size() > kInputSizeMax)
        return absl::ResourceExhaustedError(absl::StrCat(
            "it is too long; the limit is ", kInputSizeMax, " bytes"));
      const size_t size = text.size();
      text.resize(size + kPart);
      in.read(&text[size], kPart);
      text.resize(size + static_cast<size_t>(in.gcount()));
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return text;
}

absl::Status ReadLines(const std::string& name,
                       absl::FunctionRef<bool(std::string_view)> take) {
  return WithInput(name, [&](std::istream& in) {
    std::vector<char> buffer(kLineSizeMax + 2);  // With CR and the final NUL.
    for (uint64_t number = 1;; ++number) {
      in.getline(buffer.data(), static_cast<std::streamsize>(buffer.size()));
      auto size = static_cast<size_t>(in.gcount());
      if (in.eof() ? size == 0 : in.bad()) return absl::OkStatus();
      const bool ended = in.good();
      if (ended) --size;  // The LF counts as read.
      if (size > 0 && buffer[size - 1] == '\r' && ended) --size;
      if (size > kLineSizeMax || (in.fail() && !in.eof()))
        return absl::InvalidArgumentError(
            absl::StrCat("line ", number, " is too long; the limit is ",
                         kLineSizeMax, " bytes"));
      if (!take(std::string_view(buffer.data(), size))) return absl::OkStatus();
    }
  });
}

absl::Status InInput(const std::string& name, const absl::Status& error) {
  return absl::Status(error.code(),
                      absl::StrCat(name, ": ", std::string(error.message())));
}

}  // namespace cli
}  // namespace v0_1
}  // namespace trivet
