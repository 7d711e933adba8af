// SPDX-License-Identifier: Apache-2.0
//
// A node: a shard, its participant in transactions, two logs, and a lease that
// says it is alive.
//
//   DIR/node-3/log     what the participant promised
//   DIR/node-3/state   the shard's journal
//   lease node/node-3  renewed while it lives
//
// A node is destroyed as a crash would do it: its valve is cut first, so that
// nothing is sent, released or written any more.
//
// Thread safety: thread-safe.

#ifndef SHOP_NODE_H_
#define SHOP_NODE_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "directory.h"
#include "shard.h"
#include "trivet/adapters/file/file_log_store.h"
#include "trivet/adapters/inprocess/inprocess_transport.h"
#include "trivet/host/executor.h"
#include "trivet/lock/lock_client.h"
#include "trivet/txn/participant.h"
#include "valve.h"

namespace shop {

// What everybody shares: the machine room of this one-process cluster.
struct Room {
  std::string data;  // DIR.
  trivet::Executor* executor = nullptr;
  trivet::InProcessTransport* network = nullptr;
  trivet::LockBackend* leases = nullptr;
  const Directory* directory = nullptr;
  Alarm* alarm = nullptr;
  absl::Duration lease =
      absl::Milliseconds(1500);  // Silent for that long is dead.
};

// An order's work is a few hundred bytes.
constexpr size_t kWorkBytesMax = size_t{64} << 10;

// Small segments: the shop has many logs, and each is soon trimmed. The records
// that a participant with the options below may write fit.
trivet::FileLogOptions LogOptions();
trivet::ParticipantOptions ParticipantSettings();
// Everything about a lease in proportion to its ttl.
trivet::LeaseOptions LeaseTimes(absl::Duration ttl);

class Node {
 public:
  // Both directories, empty.
  static absl::Status Create(const std::string& data, const std::string& id);
  static absl::StatusOr<std::unique_ptr<Node>> Open(const Room& room,
                                                    std::string id);
  ~Node();

  const std::string& id() const { return id_; }
  Shard& shard() { return *shard_; }
  // Transactions its log had left undecided when it was opened.
  size_t in_doubt_at_start() const { return in_doubt_at_start_; }
  // Whether no transaction is under way here.
  bool IsQuiet() const;

  // Drops rows that live elsewhere. Does nothing while rows are moving.
  void Sweep();

 private:
  struct LocalLog {
    std::string dir;
    std::optional<LogPort> port;  // Outlives the file's last callbacks.
    std::unique_ptr<trivet::FileLogStore> file;

    absl::Status Open(Valve* valve, Alarm* alarm);
  };

  Node(const Room& room, std::string id);
  absl::Status Start();
  void TakeLease() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnLease(absl::StatusOr<trivet::Lease> lease);

  const Room room_;
  const std::string id_;
  Valve valve_;
  TransportPort transport_;
  LockPort leases_;
  LocalLog log_;
  LocalLog journal_;
  std::unique_ptr<Shard> shard_;
  std::unique_ptr<trivet::Participant> participant_;
  size_t in_doubt_at_start_ = 0;
  std::unique_ptr<trivet::LockClient> locks_;
  absl::Mutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<trivet::Lease> lease_ ABSL_GUARDED_BY(mu_);
};

// The nodes that are up.
class Cluster {
 public:
  // OK also if the node is up already.
  absl::Status Start(const Room& room, const std::string& id);
  void Kill(const std::string& id);
  void KillAll();

  // Calls `use` with the node; false: it is down. The node lives that long, so
  // `use` must not take long.
  template <typename Use>
  bool With(const std::string& id, Use use) {
    absl::ReaderMutexLock lock(&mu_);
    const auto node = nodes_.find(id);
    if (node == nodes_.end()) return false;
    use(*node->second);
    return true;
  }
  bool IsUp(const std::string& id) {
    return With(id, [](Node&) {});
  }
  std::vector<std::string> Up() const;

 private:
  mutable absl::Mutex mu_;
  std::map<std::string, std::unique_ptr<Node>> nodes_ ABSL_GUARDED_BY(mu_);
};

}  // namespace shop

#endif  // SHOP_NODE_H_
