// SPDX-License-Identifier: Apache-2.0
//
// One file of the tree as the house rules see it, and the tree.

#ifndef TRIVET_TESTS_TIDY_SOURCE_H_
#define TRIVET_TESTS_TIDY_SOURCE_H_

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace trivet {
namespace tidy {

struct Source {
  Source(std::string path, std::string text);

  bool IsHeader() const;
  bool IsCpp() const;  // Header or source.
  bool IsPublicHeader() const;
  bool IsBelow(std::string_view folder) const;

  std::string path;  // From the top of the tree.
  std::string text;
  std::string code;  // text with comments and literals blanked, where C++.
};

struct Violation {
  std::string path;
  size_t line;
  std::string what;
};
using Violations = std::vector<Violation>;

// For gtest's messages: "path:line: what".
std::string ToString(const Violations& violations);

// Number of the line in which `offset` lies; the first is 1.
size_t LineOf(std::string_view text, size_t offset);
std::vector<std::string> Lines(std::string_view text);

// Replaces comments and the insides of literals by blanks of equal length, so
// that offsets and lines stay what they are.
std::string BlankCommentsAndLiterals(std::string_view text);

struct Include {
  std::string name;  // What stands between the quotes or brackets.
  bool quoted;
  size_t line;
};
std::vector<Include> IncludesOf(const Source& source);

// Calls `found` with the offset of each match of `pattern` in `text`.
void ForEachMatch(
    const std::string& text, const std::string& pattern,
    const std::function<void(size_t offset, const std::string& match)>& found);

// Every file that is committed, by path.
using Tree = std::map<std::string, Source>;
Tree ReadTree();

}  // namespace tidy
}  // namespace trivet

#endif  // TRIVET_TESTS_TIDY_SOURCE_H_
