// SPDX-License-Identifier: Apache-2.0
//
// The outline of a C++ file: its functions, classes and declarations. Read from
// blanked text (Source::code) by matching braces, with what clang-format makes
// of our code taken for granted; it is no parser.

#ifndef TRIVET_TESTS_TIDY_OUTLINE_H_
#define TRIVET_TESTS_TIDY_OUTLINE_H_

#include <cstddef>
#include <string>
#include <vector>

namespace trivet {
namespace tidy {

struct OutlineItem {
  enum Kind {
    kNamespace,    // Opened.
    kClass,        // Class, struct or union: opened.
    kFunction,     // With a body.
    kDeclaration,  // Whatever ends in a semicolon.
  };
  Kind kind;
  std::string head;  // Up to the brace or semicolon, in one line.
  size_t line;       // Where the head begins.
  size_t last_line;  // Of a function's body; otherwise where the head ends.
  int class_depth;   // Number of classes around it.
  size_t parent;     // Index of the innermost class around it, or npos.
};

std::vector<OutlineItem> OutlineOf(const std::string& code);

}  // namespace tidy
}  // namespace trivet

#endif  // TRIVET_TESTS_TIDY_OUTLINE_H_
