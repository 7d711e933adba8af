// SPDX-License-Identifier: Apache-2.0

#include "src/testing/script_folder.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <ios>
#include <string>
#include <string_view>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "trivet/testing/history.h"
#include "trivet/testing/sim_main.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

using testing::History;
using testing::HistoryOptions;
using testing::Scenario;

// Takes the files away whose names end with ".txt".
std::error_code Empty(const std::string& folder) {
  std::error_code error;
  std::filesystem::directory_iterator file(folder, error);
  while (!error && file != std::filesystem::directory_iterator()) {
    const std::filesystem::path path = file->path();
    file.increment(error);
    if (!error && path.extension() == ".txt") {
      std::filesystem::remove(path, error);
    }
  }
  return error;
}

bool AppendTo(const std::string& path, std::string_view text) {
  std::ofstream file(path, std::ios::app);
  file << text;
  file.close();
  return static_cast<bool>(file);
}

}  // namespace

absl::Status MakeFolder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("cannot make the folder ", folder, ": ", error.message()));
}

Scenario WritingScripts(const Scenario& scenario, const std::string& folder) {
  if (folder.empty()) return scenario;
  const std::string prefix = absl::StrCat(folder, "/", scenario.name, "-");
  const auto run = [run = scenario.run, prefix](HistoryOptions options) {
    const std::string own = absl::StrCat(prefix, options.seed);
    bool written = MakeFolder(own).ok() && !Empty(own);
    options.scripts = [&](const std::string& script, std::string_view text) {
      const std::string path = absl::StrCat(own, "/", script, ".txt");
      if (!AppendTo(path, text)) written = false;
    };
    History history = run(options);
    if (!written) {
      std::fputs(absl::StrCat("cannot write all of ", own, "\n").c_str(),
                 stderr);
    }
    return history;
  };
  return {scenario.name, run};
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
