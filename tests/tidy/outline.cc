// SPDX-License-Identifier: Apache-2.0

#include "tests/tidy/outline.h"

#include <cctype>
#include <cstddef>
#include <regex>
#include <string>
#include <utility>
#include <vector>

namespace trivet {
namespace tidy {
namespace {

constexpr size_t kNone = std::string::npos;

// Blanks preprocessor directives with their continuation lines.
std::string BlankDirectives(std::string code) {
  bool directive = false;
  bool line_begins = true;
  for (size_t i = 0; i < code.size(); ++i) {
    if (code[i] == '\n') {
      if (directive && i > 0 && code[i - 1] != '\\') directive = false;
      line_begins = true;
      continue;
    }
    if (line_begins && code[i] == '#') directive = true;
    if (!isspace(static_cast<unsigned char>(code[i]))) line_begins = false;
    // A backslash at the end of the line is still to be seen.
    if (directive && code[i] != '\\') code[i] = ' ';
  }
  for (char& c : code) {
    if (c == '\\') c = ' ';
  }
  return code;
}

enum class Brace { kNamespace, kClass, kFunction, kInitializer };

Brace Classify(const std::string& head, char before) {
  static const std::regex is_namespace(R"((^|.* )(namespace|extern)\b.*)");
  static const std::regex is_class(
      R"((template <.*> )?(class|struct|union)\b.*)");
  if (std::regex_match(head, is_namespace) && head.find('(') == kNone) {
    return Brace::kNamespace;
  }
  if (std::regex_match(head, is_class)) return Brace::kClass;
  const bool has_parameters = head.find(')') != kNone;
  // `: member_{value}` in a constructor: no blank before the brace.
  const bool member =
      has_parameters && (isalnum(static_cast<unsigned char>(before)) ||
                         before == '_' || before == '>');
  return has_parameters && !member && head.back() != '=' ? Brace::kFunction
                                                         : Brace::kInitializer;
}

class Reader {
 public:
  explicit Reader(const std::string& code) : code_(BlankDirectives(code)) {}

  std::vector<OutlineItem> Read() {
    for (; at_ < code_.size(); ++at_) Take(code_[at_]);
    return std::move(items_);
  }

 private:
  // A brace that is open at this moment.
  struct Open {
    Brace kind;
    size_t item;  // Its place in items_, or kNone.
  };

  bool Declarative() const {
    return open_.empty() || open_.back().kind == Brace::kNamespace ||
           open_.back().kind == Brace::kClass;
  }

  void Take(char c) {
    if (c == '\n') ++line_;
    if (c == '{') return OpenBrace();
    if (c == '}') return CloseBrace();
    if (!Declarative()) return;
    if (c == '(') ++parens_;
    if (c == ')') --parens_;
    if (c == ';' && parens_ == 0) {
      if (!head_.empty()) Add(OutlineItem::kDeclaration);
      head_.clear();
      return;
    }
    Append(c);
    if (head_ == "public:" || head_ == "private:" || head_ == "protected:") {
      head_.clear();
    }
  }

  void Append(char c) {
    if (!isspace(static_cast<unsigned char>(c))) {
      if (head_.empty()) {
        head_line_ = line_;
      } else if (blank_) {
        head_ += ' ';
      }
      head_ += c;
      blank_ = false;
    } else {
      blank_ = true;
    }
  }

  void OpenBrace() {
    if (!Declarative() || parens_ > 0) {
      open_.push_back({Brace::kInitializer, kNone});
      return;
    }
    const Brace kind = Classify(head_, at_ > 0 ? code_[at_ - 1] : ' ');
    size_t item = kNone;
    if (kind != Brace::kInitializer) {
      item = Add(kind == Brace::kNamespace ? OutlineItem::kNamespace
                 : kind == Brace::kClass   ? OutlineItem::kClass
                                           : OutlineItem::kFunction);
      head_.clear();
    }
    open_.push_back({kind, item});
  }

  void CloseBrace() {
    if (open_.empty()) return;
    if (open_.back().kind == Brace::kFunction) {
      items_[open_.back().item].last_line = line_;
    }
    if (open_.back().kind != Brace::kInitializer) head_.clear();
    open_.pop_back();
  }

  size_t Add(OutlineItem::Kind kind) {
    int depth = 0;
    size_t parent = kNone;
    for (const Open& open : open_) {
      if (open.kind != Brace::kClass) continue;
      ++depth;
      parent = open.item;
    }
    items_.push_back({kind, head_, head_line_, line_, depth, parent});
    return items_.size() - 1;
  }

  const std::string code_;
  size_t at_ = 0;
  size_t line_ = 1;
  size_t head_line_ = 1;
  int parens_ = 0;
  bool blank_ = false;
  std::string head_;
  std::vector<Open> open_;
  std::vector<OutlineItem> items_;
};

}  // namespace

std::vector<OutlineItem> OutlineOf(const std::string& code) {
  return Reader(code).Read();
}

}  // namespace tidy
}  // namespace trivet
