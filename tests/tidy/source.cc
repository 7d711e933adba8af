// SPDX-License-Identifier: Apache-2.0

#include "tests/tidy/source.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>
#include <utility>

namespace trivet {
namespace tidy {
namespace {

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() &&
         text.substr(text.size() - end.size()) == end;
}

// Returns the end of the literal or comment that begins at `at`; `at` itself if
// none does.
size_t SkipLiteralOrComment(std::string_view text, size_t at) {
  const auto until = [&](std::string_view end, size_t from) {
    const size_t found = text.find(end, from);
    return found == text.npos ? text.size() : found + end.size();
  };
  if (text.substr(at, 2) == "//")
    return std::min(text.find('\n', at), text.size());
  if (text.substr(at, 2) == "/*") return until("*/", at + 2);
  if (text.substr(at, 2) == "R\"") {
    const size_t open = text.find('(', at);
    const std::string delimiter(text.substr(at + 2, open - at - 2));
    return until(")" + delimiter + "\"", open);
  }
  const char quote = text[at];
  const auto is_digit = [](char c) {
    return isxdigit(static_cast<unsigned char>(c)) != 0;
  };
  // An apostrophe after a digit separates digits.
  if (quote != '"' && (quote != '\'' || (at > 0 && is_digit(text[at - 1])))) {
    return at;
  }
  size_t end = at + 1;
  while (end < text.size() && text[end] != quote) {
    end += text[end] == '\\' ? 2 : 1;
  }
  return std::min(end + 1, text.size());
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

Source::Source(std::string its_path, std::string its_text)
    : path(std::move(its_path)), text(std::move(its_text)) {
  if (IsCpp()) code = BlankCommentsAndLiterals(text);
}

bool Source::IsHeader() const { return EndsWith(path, ".h"); }
bool Source::IsCpp() const { return IsHeader() || EndsWith(path, ".cc"); }
bool Source::IsPublicHeader() const { return IsHeader() && IsBelow("include"); }
bool Source::IsBelow(std::string_view folder) const {
  return path.size() > folder.size() && path[folder.size()] == '/' &&
         path.compare(0, folder.size(), folder) == 0;
}

std::string ToString(const Violations& violations) {
  std::ostringstream out;
  for (const Violation& v : violations) {
    out << "\n" << v.path << ":" << v.line << ": " << v.what;
  }
  return out.str();
}

size_t LineOf(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, offset);
  return 1 +
         static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
}

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  std::istringstream in{std::string(text)};
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string BlankCommentsAndLiterals(std::string_view text) {
  std::string code(text);
  for (size_t at = 0; at < code.size();) {
    const size_t end = SkipLiteralOrComment(text, at);
    for (size_t i = at; i < end; ++i) {
      if (code[i] != '\n') code[i] = ' ';
    }
    at = std::max(end, at + 1);
  }
  return code;
}

std::vector<Include> IncludesOf(const Source& source) {
  std::vector<Include> includes;
  static const std::regex pattern(R"(^\s*#\s*include\s+(["<])([^">]+)[">].*)");
  const std::vector<std::string> lines = Lines(source.text);
  const std::vector<std::string> code = Lines(source.code);
  for (size_t i = 0; i < code.size(); ++i) {
    std::smatch match;  // In blanked code the name is gone; in a literal, all.
    if (code[i].find('#') != std::string::npos &&
        std::regex_match(lines[i], match, pattern)) {
      includes.push_back({match[2], match[1] == "\"", i + 1});
    }
  }
  return includes;
}

void ForEachMatch(
    const std::string& text, const std::string& pattern,
    const std::function<void(size_t offset, const std::string& match)>& found) {
  const std::regex regex(pattern);
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end;
       ++it) {
    found(static_cast<size_t>(it->position()), it->str());
  }
}

Tree ReadTree() {
  namespace fs = std::filesystem;
  Tree tree;
  const auto add = [&tree](const fs::path& path) {
    const std::string name = path.lexically_normal().generic_string();
    tree.emplace(name, Source(name, ReadFile(path)));
  };
  for (const fs::directory_entry& entry : fs::directory_iterator(".")) {
    if (entry.is_regular_file()) add(entry.path());
  }
  for (const char* folder : {"include", "src", "tests", "bench", "examples",
                             "cmake", ".ci", ".github"}) {
    if (!fs::exists(folder)) continue;
    for (const fs::directory_entry& entry :
         fs::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file()) add(entry.path());
    }
  }
  return tree;
}

}  // namespace tidy
}  // namespace trivet
