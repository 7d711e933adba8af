// SPDX-License-Identifier: Apache-2.0

#include "src/txn/log_lag.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

thread_local LogLag current;

}  // namespace

LogLag LogLag::Current() { return current; }

ShortLogLag::ShortLogLag(LogLag lag) : before_(current) { current = lag; }

ShortLogLag::~ShortLogLag() { current = before_; }

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
