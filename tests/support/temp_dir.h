// SPDX-License-Identifier: Apache-2.0
//
// A directory for one test, removed with all that is in it.

#ifndef TRIVET_TESTS_SUPPORT_TEMP_DIR_H_
#define TRIVET_TESTS_SUPPORT_TEMP_DIR_H_

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "gtest/gtest.h"

namespace trivet {

class TempDir {
 public:
  // Below `parent`, which ends with a slash.
  explicit TempDir(const std::string& parent = ::testing::TempDir())
      : path_(parent + "trivet-XXXXXX") {
    EXPECT_NE(mkdtemp(path_.data()), nullptr) << path_;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string Sub(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace trivet

#endif  // TRIVET_TESTS_SUPPORT_TEMP_DIR_H_
