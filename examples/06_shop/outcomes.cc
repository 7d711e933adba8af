// SPDX-License-Identifier: Apache-2.0

#include "outcomes.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bytes.h"

namespace shop {
namespace {

using trivet::Durability;
using trivet::FencingToken;
using trivet::LogIndex;

constexpr char kRun = 'R';    // A process began to work.
constexpr char kLead = 'L';   // A coordinator began: its token.
constexpr char kLooks = 'I';  // Looks and halves of a reader.
// Any other first byte is a Verdict: token and order.

std::string Record(char type, FencingToken token, const std::string& order) {
  std::string record(1, type);
  PutInt(static_cast<int64_t>(token.generation), &record);
  PutInt(static_cast<int64_t>(token.value), &record);
  PutString(order, &record);
  return record;
}

}  // namespace

absl::Status OutcomesRead::Replay(std::string_view record) {
  const absl::Status bad =
      absl::DataLossError("a record of the outcomes makes no sense");
  if (record.empty()) return bad;
  const char type = record.front();
  Reader in(record.substr(1));
  if (type == kRun) {
    ++runs;
  } else if (type == kLooks) {
    looks += in.Int();
    halves += in.Int();
  } else {
    FencingToken token;
    token.generation = static_cast<uint64_t>(in.Int());
    token.value = static_cast<uint64_t>(in.Int());
    const std::string order = in.String();
    highest = token;
    if (type != kLead) {
      const auto verdict = static_cast<Verdict>(type);
      if (verdict != Verdict::kSold && verdict != Verdict::kNoMoney &&
          verdict != Verdict::kNoStock)
        return bad;
      const auto [known, is_new] = verdicts.try_emplace(order, verdict);
      if (!is_new && known->second != verdict)
        problem = absl::StrCat("two different verdicts on order ", order);
    }
  }
  return in.AtEnd() ? absl::OkStatus() : bad;
}

absl::StatusOr<std::unique_ptr<Outcomes>> Outcomes::Open(
    trivet::LogStore* log) {
  std::unique_ptr<Outcomes> outcomes(new Outcomes(log));
  absl::MutexLock lock(&outcomes->mu_);
  const absl::StatusOr<trivet::Epoch> epoch =
      log->Claim(0, [&](LogIndex, std::string_view record) {
        outcomes->mu_.AssertHeld();
        return outcomes->read_.Replay(record);
      });
  if (!epoch.ok()) return epoch.status();
  outcomes->epoch_ = *epoch;
  if (outcomes->read_.highest.value != 0)
    outcomes->gate_ = trivet::FencingGate(outcomes->read_.highest);
  ++outcomes->read_.runs;
  outcomes->Append(std::string(1, kRun), Durability::kForced,
                   [](absl::Status) {});
  return outcomes;
}

void Outcomes::Append(std::string record, Durability durability, Done done) {
  std::vector<std::string> records;
  records.push_back(std::move(record));
  log_->Append(epoch_, std::move(records), durability,
               [done = std::move(done)](absl::StatusOr<LogIndex> last) mutable {
                 std::move(done)(last.status());
               });
}

void Outcomes::Lead(FencingToken token, Done done) {
  absl::Status admitted;
  {
    absl::MutexLock lock(&mu_);
    admitted = gate_.Admit(token);
    if (admitted.ok())
      return Append(shop::Record(kLead, token, ""), Durability::kForced,
                    std::move(done));
  }
  std::move(done)(std::move(admitted));
}

void Outcomes::Record(FencingToken token, const std::string& order,
                      Verdict verdict, Done done) {
  absl::Status admitted;
  {
    absl::MutexLock lock(&mu_);
    admitted = gate_.Admit(token);
    if (admitted.ok()) {
      read_.verdicts.try_emplace(order, verdict);
      return Append(shop::Record(static_cast<char>(verdict), token, order),
                    Durability::kForced, std::move(done));
    }
  }
  std::move(done)(std::move(admitted));
}

void Outcomes::NoteLooks(int64_t looks, int64_t halves) {
  std::string record(1, kLooks);
  PutInt(looks, &record);
  PutInt(halves, &record);
  absl::MutexLock lock(&mu_);
  Append(std::move(record),
         halves > 0 ? Durability::kForced : Durability::kLazy,
         [](absl::Status) {});
}

absl::flat_hash_map<std::string, Verdict> Outcomes::verdicts() const {
  absl::MutexLock lock(&mu_);
  return read_.verdicts;
}

int64_t Outcomes::runs() const {
  absl::MutexLock lock(&mu_);
  return read_.runs;
}

}  // namespace shop
