// SPDX-License-Identifier: Apache-2.0
//
// The house rules. Each is a function from text to violations, so that the
// tests can plant violations as easily as they can look for them.

#ifndef TRIVET_TESTS_TIDY_RULES_H_
#define TRIVET_TESTS_TIDY_RULES_H_

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/tidy/source.h"

namespace trivet {
namespace tidy {

// Rules that one file keeps or breaks on its own.
struct FileRule {
  std::string_view name;
  Violations (*check)(const Source& source);
};
const std::vector<FileRule>& FileRules();

Violations CheckSizes(const Source& source);
Violations CheckIncludes(const Source& source);
Violations CheckMachines(const Source& source);
Violations CheckForbiddenWords(const Source& source);
Violations CheckVocabulary(const Source& source);
Violations CheckOpening(const Source& source);
Violations CheckAscii(const Source& source);
Violations CheckExports(const Source& source);
Violations CheckNoMachinePaths(const Source& source);
Violations CheckTestsDoNotSleep(const Source& source);

// Rules about how files stand to one another. The last ones ask what the build
// knows: `inventory` is what cmake/TrivetInventory.cmake wrote.
struct TreeRule {
  std::string_view name;
  Violations (*check)(const Tree& tree, std::string_view inventory);
};
const std::vector<TreeRule>& TreeRules();

// So that a test of a rule is listed by the rule's name.
inline void PrintTo(const FileRule& rule, std::ostream* out) {
  *out << rule.name;
}
inline void PrintTo(const TreeRule& rule, std::ostream* out) {
  *out << rule.name;
}

Violations CheckReach(const Tree& tree, std::string_view inventory);
Violations CheckInvariants(const Tree& tree, std::string_view inventory);
Violations CheckVersions(const Tree& tree, std::string_view inventory);
Violations CheckSnippets(const Tree& tree, std::string_view inventory);
Violations CheckRoomsExplained(const Tree& tree, std::string_view inventory);
Violations CheckSourcesBuilt(const Tree& tree, std::string_view inventory);
Violations CheckLinks(const Tree& tree, std::string_view inventory);

}  // namespace tidy
}  // namespace trivet

#endif  // TRIVET_TESTS_TIDY_RULES_H_
