// SPDX-License-Identifier: Apache-2.0
//
// OptionCheck: checks the fields of an options struct one by one, and keeps the
// first complaint: which field, its value, the limit.
//
// Thread safety: thread-compatible.

#ifndef TRIVET_SRC_TXN_OPTION_CHECK_H_
#define TRIVET_SRC_TXN_OPTION_CHECK_H_

#include <cstddef>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class OptionCheck {
 public:
  explicit OptionCheck(std::string struct_name)
      : struct_name_(std::move(struct_name)) {}

  void Positive(const char* field, absl::Duration value) {
    if (value <= absl::ZeroDuration() || value == absl::InfiniteDuration()) {
      Complain(field, absl::FormatDuration(value), "positive and finite");
    }
  }

  // A backoff: both positive, the first at most the second.
  void Backoff(const char* min_field, absl::Duration min, const char* max_field,
               absl::Duration max) {
    Positive(min_field, min);
    Positive(max_field, max);
    if (min > max) {
      Complain(
          min_field, absl::FormatDuration(min),
          absl::StrCat("at most ", max_field, ", ", absl::FormatDuration(max)));
    }
  }

  void Count(const char* field, size_t value, size_t min, size_t max) {
    if (value < min || value > max) {
      Complain(field, absl::StrCat(value), absl::StrCat(min, " to ", max));
    }
  }

  absl::Status status() const { return status_; }

 private:
  void Complain(const char* field, const std::string& value,
                const std::string& limit) {
    status_.Update(absl::InvalidArgumentError(absl::StrCat(
        struct_name_, ".", field, " is ", value, ", must be ", limit)));
  }

  const std::string struct_name_;
  absl::Status status_;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TXN_OPTION_CHECK_H_
