// SPDX-License-Identifier: Apache-2.0
//
// PeerTable: the names of roles as small numbers, so that a machine compares,
// stores and sends integers. A name is never let go: a driver that takes names
// from strangers asks InternBounded, which bounds what they can make it keep.
//
// Thread safety: thread-compatible.

#ifndef TRIVET_SRC_TXN_PEER_TABLE_H_
#define TRIVET_SRC_TXN_PEER_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "trivet/config.h"
#include "trivet/txn/txn_message.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// Where envelopes for the role `full_name` go: what is before its last '#', or
// all of it if there is none.
inline std::string_view AddressOf(std::string_view full_name) {
  return full_name.substr(0, full_name.rfind('#'));
}

class PeerTable {
 public:
  static constexpr size_t kPeersMax = 65536;
  static constexpr size_t kNameBytesMax = 512;

  PeerTable() = default;
  PeerTable(const PeerTable&) = delete;
  PeerTable& operator=(const PeerTable&) = delete;
  PeerTable(PeerTable&&) noexcept = default;  // Moves no name.

  // For names of the host's and the log's: never refuses.
  PeerId Intern(std::string_view name) {
    if (const auto known = Find(name)) return *known;
    const auto id = static_cast<PeerId>(names_.size());
    names_.emplace_back(name);
    ids_.emplace(names_.back(), id);  // A view: a deque moves no element.
    return id;
  }

  // For names from the network. nullopt: the name is new, and empty, too long
  // or one too many.
  std::optional<PeerId> InternBounded(std::string_view name) {
    if (const auto known = Find(name)) return known;
    if (name.empty() || name.size() > kNameBytesMax ||
        names_.size() >= kPeersMax) {
      return std::nullopt;
    }
    return Intern(name);
  }

  std::optional<PeerId> Find(std::string_view name) const {
    const auto it = ids_.find(name);
    if (it == ids_.end()) return std::nullopt;
    return it->second;
  }

  // REQUIRES: `id` came from this table.
  const std::string& Name(PeerId id) const {
    return names_[static_cast<size_t>(id)];
  }

  size_t size() const { return names_.size(); }

 private:
  std::deque<std::string> names_;
  std::unordered_map<std::string_view, PeerId> ids_;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_TXN_PEER_TABLE_H_
