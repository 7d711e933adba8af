// SPDX-License-Identifier: Apache-2.0
//
// The headers were compiled, each in a file of its own, and linked: that is the
// test. That a version is stated is all that is left to look at.

#include <string>

#include "trivet/config.h"

int main() {
  const std::string version = std::to_string(TRIVET_VERSION_MAJOR) + "." +
                              std::to_string(TRIVET_VERSION_MINOR) + "." +
                              std::to_string(TRIVET_VERSION_PATCH);
  return version == TRIVET_VERSION_STRING ? 0 : 1;
}
