// SPDX-License-Identifier: Apache-2.0

#include "evidence.h"

#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "node.h"
#include "registers.h"
#include "trivet/adapters/file/file_log_store.h"
#include "trivet/adapters/file/file_versioned_store.h"
#include "trivet/txn/participant.h"

namespace shop {
namespace {

using trivet::FileLogStore;
using trivet::LogIndex;

// To claim a log is to write an epoch into it, so the originals are left alone.
class Copy {
 public:
  static absl::StatusOr<Copy> Of(const std::string& data) {
    // Nobody else may work on it meanwhile; to open a log changes nothing yet.
    const auto lock = FileLogStore::Open(OutcomesDir(data), LogOptions());
    if (!lock.ok()) return lock.status();
    const auto originals = ListDir(data);
    if (!originals.ok()) return originals.status();
    Copy copy(data + "/audit");
    std::error_code error;
    std::filesystem::remove_all(copy.dir_, error);
    if (!error) std::filesystem::create_directory(copy.dir_, error);
    for (const std::filesystem::path& path : *originals)
      if (path.filename() != "audit" && !error)
        std::filesystem::copy(path, copy.dir_ / path.filename(),
                              std::filesystem::copy_options::recursive, error);
    if (error)
      return absl::UnavailableError(
          absl::StrCat("cannot copy ", data, ": ", error.message()));
    return copy;
  }
  Copy(Copy&& other) noexcept : dir_(std::exchange(other.dir_, {})) {}
  Copy& operator=(Copy&&) = delete;
  ~Copy() {
    std::error_code ignored;
    if (!dir_.empty()) std::filesystem::remove_all(dir_, ignored);
  }
  std::string dir() const { return dir_.string(); }

 private:
  explicit Copy(std::string dir) : dir_(std::move(dir)) {}
  std::filesystem::path dir_;
};

class Nowhere : public trivet::Transport {
 public:
  void Send(trivet::Envelope) override {}
};

// A participant over this one tells what its log leaves undecided.
class Nothing : public trivet::Resource {
 public:
  void ListPrepared(
      absl::AnyInvocable<void(absl::StatusOr<std::vector<trivet::TxnId>>) &&>
          done) override {
    std::move(done)(std::vector<trivet::TxnId>());
  }
  void Prepare(const trivet::TxnId&, std::string,
               absl::AnyInvocable<void(trivet::Vote) &&> done) override {
    std::move(done)(trivet::Vote(trivet::Vote::kNo));
  }
  void Apply(const trivet::TxnId&, trivet::Decision, std::string,
             absl::AnyInvocable<void(absl::Status) &&> done) override {
    std::move(done)(absl::OkStatus());
  }
};

absl::Status ReadLog(const std::string& dir, trivet::LogStore::Visitor visit) {
  const auto log = FileLogStore::Open(dir, LogOptions());
  if (!log.ok()) return log.status();
  return (*log)->Claim(0, visit).status();
}

absl::StatusOr<size_t> CountInDoubt(trivet::Executor* executor,
                                    const std::string& dir,
                                    const std::string& node) {
  Nowhere nowhere;
  Nothing nothing;
  const auto log = FileLogStore::Open(dir, LogOptions());
  if (!log.ok()) return log.status();
  const auto participant = trivet::Participant::Open(
      executor, &nowhere, log->get(), &nothing, node, ParticipantSettings());
  if (!participant.ok()) return participant.status();
  return (*participant)->InDoubt().size();
}

absl::Status ReadRegisters(const std::string& dir, const Options& options,
                           const OrdersFile& orders, Evidence* evidence) {
  const auto registers = trivet::FileVersionedStore::Open(RegistersDir(dir));
  if (!registers.ok()) return registers.status();
  if (absl::Status fits = CheckSettings(registers->get(), options, orders);
      !fits.ok())
    return fits;
  const auto directory = Directory::Open(registers->get());
  if (!directory.ok()) return directory.status();
  evidence->membership = (*directory)->plan()->membership();
  return absl::OkStatus();
}

absl::Status ReadNode(trivet::Executor* executor, const std::string& dir,
                      const std::string& node, Evidence* evidence) {
  Evidence::NodeFiles files{Book(node), 0};
  const absl::Status read = ReadLog(absl::StrCat(dir, "/", node, "/state"),
                                    [&](LogIndex, std::string_view bytes) {
                                      return files.book.Replay(bytes);
                                    });
  if (!read.ok()) return read;
  const absl::StatusOr<size_t> in_doubt =
      CountInDoubt(executor, absl::StrCat(dir, "/", node, "/log"), node);
  if (!in_doubt.ok()) return in_doubt.status();
  files.in_doubt = *in_doubt;
  evidence->nodes.emplace(node, std::move(files));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Evidence> ReadEvidence(trivet::Executor* executor,
                                      const Options& options,
                                      const OrdersFile& orders) {
  const absl::StatusOr<Copy> copy = Copy::Of(options.data);
  if (!copy.ok()) return copy.status();
  Evidence evidence;
  absl::Status read = ReadRegisters(copy->dir(), options, orders, &evidence);
  if (!read.ok()) return read;
  read =
      ReadLog(OutcomesDir(copy->dir()), [&](LogIndex, std::string_view bytes) {
        return evidence.outcomes.Replay(bytes);
      });
  if (!read.ok()) return read;
  const Membership& members = evidence.membership;
  for (const std::string& node : members.After(members.changes.size())) {
    read = ReadNode(executor, copy->dir(), node, &evidence);
    if (!read.ok()) return read;
  }
  return evidence;
}

}  // namespace shop
