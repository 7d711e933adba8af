// SPDX-License-Identifier: Apache-2.0

#include "node.h"

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace shop {

using trivet::FileLogStore;

trivet::ParticipantOptions ParticipantSettings() {
  trivet::ParticipantOptions options;
  options.max_work_bytes = kWorkBytesMax;
  options.inquire_min = absl::Milliseconds(200);
  options.inquire_max = absl::Seconds(1);
  options.apply_retry_min = absl::Milliseconds(20);
  return options;
}

trivet::FileLogOptions LogOptions() {
  trivet::FileLogOptions options;
  options.segment_size = size_t{1} << 20;
  options.record_size_max = size_t{512} << 10;
  return options;
}

trivet::LeaseOptions LeaseTimes(absl::Duration ttl) {
  trivet::LeaseOptions options;
  options.ttl = ttl;
  options.renew_after = ttl / 4;
  options.request_timeout = ttl / 2;
  options.retry_min = ttl / 75;
  options.retry_max = ttl / 15;
  return options;
}

absl::Status Node::Create(const std::string& data, const std::string& id) {
  std::error_code error;
  std::filesystem::remove_all(absl::StrCat(data, "/", id), error);
  std::filesystem::create_directory(absl::StrCat(data, "/", id), error);
  if (error)
    return absl::UnavailableError(
        absl::StrCat("cannot create ", data, "/", id, ": ", error.message()));
  for (const char* name : {"/log", "/state"}) {
    const auto log =
        FileLogStore::Create(absl::StrCat(data, "/", id, name), LogOptions());
    if (!log.ok()) return log.status();
  }
  return absl::OkStatus();
}

Node::Node(const Room& room, std::string id)
    : room_(room),
      id_(std::move(id)),
      transport_(&valve_, room.network),
      leases_(&valve_, room.leases) {
  log_.dir = absl::StrCat(room_.data, "/", id_, "/log");
  journal_.dir = absl::StrCat(room_.data, "/", id_, "/state");
}

absl::Status Node::LocalLog::Open(Valve* valve, Alarm* alarm) {
  auto opened = FileLogStore::Open(dir, LogOptions());
  if (!opened.ok()) return opened.status();
  file = *std::move(opened);
  port.emplace(valve, file.get(), alarm);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Node>> Node::Open(const Room& room,
                                                 std::string id) {
  std::unique_ptr<Node> node(new Node(room, std::move(id)));
  const absl::Status started = node->Start();
  if (!started.ok()) return started;
  return node;
}

absl::Status Node::Start() {
  for (LocalLog* log : {&log_, &journal_})
    if (absl::Status opened = log->Open(&valve_, room_.alarm); !opened.ok())
      return opened;
  auto shard = Shard::Open(
      room_.executor, &*journal_.port, id_,
      [this](const Place& place) { return room_.directory->Check(place); });
  if (!shard.ok()) return shard.status();
  shard_ = *std::move(shard);
  Sweep();
  auto participant =
      trivet::Participant::Open(room_.executor, &transport_, &*log_.port,
                                shard_.get(), id_, ParticipantSettings());
  if (!participant.ok()) return participant.status();
  participant_ = *std::move(participant);
  in_doubt_at_start_ = participant_->InDoubt().size();
  room_.network->Register(id_, [this](trivet::Envelope envelope) {
    participant_->Receive(std::move(envelope));
  });
  trivet::LockClientOptions options;
  options.lease = LeaseTimes(room_.lease);
  auto locks = trivet::LockClient::Create(room_.executor, &leases_, id_,
                                          std::move(options));
  if (!locks.ok()) return locks.status();
  locks_ = *std::move(locks);
  absl::MutexLock lock(&mu_);
  TakeLease();
  return absl::OkStatus();
}

Node::~Node() {
  valve_.Cut();
  room_.network->Unregister(id_);
  std::optional<trivet::Lease> lease;
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
    lease.swap(lease_);
  }
  lease.reset();
  locks_.reset();
  participant_.reset();
  shard_.reset();
}

bool Node::IsQuiet() const {
  return shard_->IsQuiet([](const std::string&) { return true; }) &&
         participant_->InDoubt().empty();
}

void Node::TakeLease() {
  locks_->LockAsync(absl::StrCat("node/", id_), absl::InfiniteDuration(),
                    [this](absl::StatusOr<trivet::Lease> lease) {
                      OnLease(std::move(lease));
                    });
}

void Node::OnLease(absl::StatusOr<trivet::Lease> lease) {
  absl::MutexLock lock(&mu_);
  if (stopping_) return;
  if (!lease.ok()) return TakeLease();
  lease_.emplace(*std::move(lease));
  lease_->OnLost([this](absl::Status) {  // Only slow, not dead: claim it again.
    absl::MutexLock relock(&mu_);
    if (!stopping_) TakeLease();
  });
}

void Node::Sweep() {
  const std::shared_ptr<const Plan> plan = room_.directory->plan();
  if (plan->moving() != nullptr) return;
  std::vector<std::string> foreign;
  for (const NamedRow& row : shard_->Rows([&](const std::string& key) {
         return !plan->Where(key).Names(id_);
       }))
    foreign.push_back(row.first);
  shard_->Drop(foreign);
}

absl::Status Cluster::Start(const Room& room, const std::string& id) {
  absl::MutexLock lock(&mu_);
  if (nodes_.count(id) > 0) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<Node>> node = Node::Open(room, id);
  if (!node.ok()) return node.status();
  nodes_[id] = *std::move(node);
  return absl::OkStatus();
}

void Cluster::Kill(const std::string& id) {
  std::unique_ptr<Node> node;
  absl::MutexLock lock(&mu_);
  const auto found = nodes_.find(id);
  if (found == nodes_.end()) return;
  node = std::move(found->second);
  nodes_.erase(found);
}

void Cluster::KillAll() {
  std::map<std::string, std::unique_ptr<Node>> nodes;
  absl::MutexLock lock(&mu_);
  nodes.swap(nodes_);
}

std::vector<std::string> Cluster::Up() const {
  absl::ReaderMutexLock lock(&mu_);
  std::vector<std::string> ids;
  for (const auto& [id, node] : nodes_) ids.push_back(id);
  return ids;
}

}  // namespace shop
