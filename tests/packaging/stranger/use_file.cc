// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <string>

#include "trivet/adapters/file/file_log_store.h"

int main() {
  trivet::FileLogOptions options;
  options.segment_size = 3;  // Is refused before anything is touched.
  const auto refused = trivet::FileLogStore::Create("log", options);
  std::printf("%s\n", std::string(refused.status().message()).c_str());
  return refused.ok() ? 1 : 0;
}
