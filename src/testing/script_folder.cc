// SPDX-License-Identifier: Apache-2.0

#include "src/testing/script_folder.h"

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <ios>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

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

std::string PathOf(const std::string& folder, const std::string& scenario,
                   uint64_t seed) {
  return absl::StrCat(folder, "/", scenario, "-", seed);
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

absl::Status MakeScriptFolder(const std::string& folder,
                              const std::string& scenario, uint64_t seed) {
  if (folder.empty()) return absl::OkStatus();
  const std::string own = PathOf(folder, scenario, seed);
  absl::Status made = MakeFolder(own);
  if (!made.ok()) return made;
  const std::error_code error = Empty(own);
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("cannot empty the folder ", own, ": ", error.message()));
}

Scenario WritingScripts(const Scenario& scenario, const std::string& folder) {
  if (folder.empty()) return scenario;
  const auto run = [folder, scenario](HistoryOptions options) {
    const std::string own = PathOf(folder, scenario.name, options.seed);
    bool written = true;
    options.scripts = [&](const std::string& script, std::string_view text) {
      const std::string path = absl::StrCat(own, "/", script, ".txt");
      if (AppendTo(path, text) || !std::exchange(written, false)) return;
      std::fputs(absl::StrCat("cannot write all of ", path, "\n").c_str(),
                 stderr);
    };
    return scenario.run(options);
  };
  return {scenario.name, run};
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
