// SPDX-License-Identifier: Apache-2.0
//
// Members in JSON, read as a stream of events: each is taken where it is
// expected or refused there, so that a file that nests deeply or repeats itself
// is never built up. Nothing here throws: the stream's errors come as events.
//
//   [ {"id": ...}, ... ]   or   { "nodes": [ {"id": ...}, ... ], ... }
//   kList kNode                 kRing      kList kNode

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "src/cli/member_list.h"
#include "src/cli/ring_options.h"
#include "src/cli/text.h"
#include "src/internal/strings.h"
#include "trivet/ring/placement.h"

namespace trivet {
inline namespace v0_1 {
namespace cli {
namespace {

using internal::Sv;

// Reads a text and tells how far the reader has come.
class Cursor {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  Cursor(const char* at, const char** reached) : at_(at), reached_(reached) {}
  reference operator*() const { return *at_; }
  Cursor& operator++() {
    *reached_ = ++at_;
    return *this;
  }
  Cursor operator++(int) {
    Cursor old = *this;
    ++*this;
    return old;
  }
  bool operator==(const Cursor& other) const { return at_ == other.at_; }
  bool operator!=(const Cursor& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** reached_;
};

// One value that is neither a list nor an object.
struct Value {
  std::string shown;
  std::optional<std::string> text;  // If it is a string.
  uint64_t number = 0;              // If it is a whole number, not negative.
};

class MembersReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  MembersReader(std::string_view text, MemberList* members)
      : text_(text), reached_(text.data()), members_(members) {}

  absl::Status Read() {
    const char* const end = text_.data() + text_.size();
    nlohmann::json::sax_parse(Cursor(reached_, &reached_),
                              Cursor(end, &reached_), this);
    return status_;
  }

  bool null() override { return Take({"null", {}}); }
  bool boolean(bool b) override { return Take({b ? "true" : "false", {}}); }
  bool number_integer(int64_t n) override {  // A negative one.
    return Take({absl::StrCat(n), {}});
  }
  bool number_unsigned(uint64_t n) override {
    return Take({absl::StrCat(n), {}, n});
  }
  bool number_float(double, const std::string& written) override {
    return Take({written.substr(0, kNumberShown), {}});
  }
  bool string(std::string& text) override { return Take({Brief(text), text}); }
  bool binary(binary_t&) override { return Take({"binary", {}}); }

  bool start_array(size_t) override {
    if (where_ == kNowhere || (where_ == kRing && field_ == "nodes")) {
      where_ = kList;
      return true;
    }
    return Take({"a list", {}});
  }
  bool end_array() override {
    where_ = in_ring_ ? kRing : kNowhere;
    return true;
  }

  bool start_object(size_t) override {
    if (where_ == kNowhere) {
      in_ring_ = true;
      where_ = kRing;
      return true;
    }
    if (where_ != kList) return Take({"an object", {}});
    where_ = kNode;
    node_ = RingNode();
    node_fields_.clear();
    node_offset_ = Offset();
    return true;
  }
  bool end_object() override {
    if (where_ == kRing) {
      if (!Has(ring_fields_, "nodes"))
        return Refuse("the object has no field \"nodes\"");
      return true;
    }
    where_ = kList;
    if (!Has(node_fields_, "id"))
      return Refuse(absl::StrCat(Place(), " has no field \"id\""));
    ++nodes_;
    status_ = members_->Add(std::move(node_), node_offset_);
    return status_.ok();
  }

  bool key(std::string& name) override {
    std::vector<std::string>& seen =
        where_ == kNode ? node_fields_ : ring_fields_;
    const std::vector<std::string> known =
        where_ == kNode ? std::vector<std::string>{"id", "weight", "zone"}
                        : RingFields();
    if (!Has(known, name)) {
      return Refuse(absl::StrCat(Place(), " has the unknown field ",
                                 Brief(name), "; the fields are \"",
                                 absl::StrJoin(known, "\", \""), "\""));
    }
    if (Has(seen, name))
      return Refuse(
          absl::StrCat(Place(), " has the field ", Brief(name), " twice"));
    seen.push_back(name);
    field_ = name;
    return true;
  }

  bool parse_error(size_t, const std::string&,
                   const nlohmann::json::exception& error) override {
    return Refuse(absl::StrCat(
        "not JSON, as which a file is read that begins with '[' or '{': ",
        Reason(error.what())));
  }

 private:
  enum Where { kNowhere, kRing, kList, kNode };
  static constexpr size_t kNumberShown = 40;

  static bool Has(const std::vector<std::string>& names,
                  const std::string& name) {
    return absl::c_linear_search(names, name);
  }

  static std::vector<std::string> RingFields() {
    std::vector<std::string> fields = {"nodes", "placement"};
    for (const NumberOption& option : kNumberOptions)
      fields.emplace_back(option.name);
    return fields;
  }

  // What the parser complains of, without its own idea of where, and without
  // what it read last, which may be long.
  static std::string Reason(std::string_view what) {
    for (const std::string_view begin : {"] ", "column ", ": "}) {
      const size_t at = what.find(begin);
      if (at != std::string_view::npos) what.remove_prefix(at + begin.size());
    }
    what = what.substr(0, what.find("; last read"));
    constexpr size_t kShown = 160;
    std::string reason(what.substr(0, kShown));
    for (char& byte : reason)
      if (byte < ' ' || byte > '~') byte = '?';
    return reason;
  }

  bool Refuse(std::string_view reason) {
    status_ = members_->Refuse(Offset(), reason);
    return false;
  }

  // Of the last byte that was read: the end of the value in question, or what
  // follows a number.
  size_t Offset() const {
    const auto read = static_cast<size_t>(reached_ - text_.data());
    return read == 0 ? 0 : read - 1;
  }

  // In words, counted from 1: "node 3", or the object around the nodes.
  std::string Place() const {
    return where_ == kRing ? "the object" : absl::StrCat("node ", nodes_ + 1);
  }

  bool Take(const Value& value) {
    if (where_ == kNowhere) {
      return Refuse(absl::StrCat("there is ", value.shown,
                                 " instead of a list or an object"));
    }
    if (where_ == kList)
      return Refuse(
          absl::StrCat(Place(), " is ", value.shown, "; it must be an object"));
    if (where_ == kNode && field_ == "weight")
      return TakeNumber(value, &node_.weight);
    if (where_ == kNode) {
      if (!value.text.has_value()) return RefuseValue(value, "a string");
      (field_ == "id" ? node_.id : node_.zone) = *value.text;
      return true;
    }
    if (field_ == "nodes") return RefuseValue(value, "a list");
    if (field_ == "placement") return TakePlacement(value);
    for (const NumberOption& option : kNumberOptions) {
      if (field_ == option.name)
        return TakeNumber(value, &(members_->file.options.*option.member));
    }
    return false;
  }

  bool TakeNumber(const Value& value, uint32_t* into) {
    if (value.number < 1 || value.number > UINT32_MAX)
      return RefuseValue(value, "a whole number from 1 to 4294967295");
    *into = static_cast<uint32_t>(value.number);
    return true;
  }

  bool TakePlacement(const Value& value) {
    const std::optional<Placement> placement =
        value.text.has_value() ? PlacementOf(*value.text) : std::nullopt;
    if (!placement.has_value()) {
      return RefuseValue(
          value, absl::StrCat("one of \"",
                              absl::StrJoin(PlacementNames(), "\", \""), "\""));
    }
    members_->file.options.placement = *placement;
    return true;
  }

  bool RefuseValue(const Value& value, const std::string& expected) {
    return Refuse(absl::StrCat(Place(), ": ", field_, " is ", value.shown,
                               "; it must be ", expected));
  }

  const std::string_view text_;
  const char* reached_;
  MemberList* const members_;
  absl::Status status_;
  Where where_ = kNowhere;
  bool in_ring_ = false;  // The list stands in an object.
  std::string field_;     // Whose value comes next.
  std::vector<std::string> ring_fields_;
  std::vector<std::string> node_fields_;
  RingNode node_;
  size_t node_offset_ = 0;
  size_t nodes_ = 0;  // That are complete.
};

}  // namespace

absl::Status ParseJsonMembers(std::string_view text, MemberList* members) {
  // To the parser a NUL is the end of the text.
  if (const size_t at = text.find('\0'); at != std::string_view::npos)
    return members->Refuse(at, "control character \"\\x00\"");
  return MembersReader(text, members).Read();
}

}  // namespace cli
}  // namespace v0_1
}  // namespace trivet
