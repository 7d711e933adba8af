// SPDX-License-Identifier: Apache-2.0
//
// A small service of your own in trivet's simulator: a mailbox that keeps
// letters, with a mistake in it that needs a machine to find. README.md goes
// through what this program then says, step by step.

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "trivet/host/log_store.h"
#include "trivet/host/transport.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/history.h"
#include "trivet/testing/sim_host.h"
#include "trivet/testing/sim_main.h"
#include "trivet/testing/simulation.h"
#include "trivet/testing/violations.h"

namespace {

namespace testing = trivet::testing;
using trivet::Envelope;
using trivet::LogIndex;

// [mailbox]
// Keeps letters in a log. Whoever is told that a letter is kept may forget it.
class Mailbox {
 public:
  Mailbox(trivet::Transport* transport, trivet::LogStore* log, bool hasty)
      : transport_(transport), log_(log), hasty_(hasty) {
    epoch_ = log_->Claim(0, [this](LogIndex, std::string_view letter) {
      letters_.emplace(letter);
      return absl::OkStatus();
    });
  }

  bool IsOpen() const { return epoch_.ok(); }
  bool Has(const std::string& letter) const { return letters_.count(letter); }

  void Receive(const Envelope& mail) {
    if (Has(mail.payload)) return SayKept(mail);
    if (hasty_) letters_.insert(mail.payload);  // Here is the mistake.
    log_->Append(*epoch_, {mail.payload}, trivet::Durability::kForced,
                 [this, mail](const absl::StatusOr<LogIndex>& index) {
                   if (!index.ok()) return;  // Whoever sent it sends it again.
                   letters_.insert(mail.payload);
                   SayKept(mail);
                 });
  }

 private:
  void SayKept(const Envelope& mail) {
    transport_->Send({mail.to, mail.from, mail.payload});
  }

  trivet::Transport* const transport_;
  trivet::LogStore* const log_;
  const bool hasty_;
  absl::StatusOr<trivet::Epoch> epoch_;
  std::set<std::string> letters_;
};
// [/mailbox]

// [scenario]
testing::History Run(const testing::HistoryOptions& options, bool hasty) {
  testing::FaultOptions faults;  // What may go wrong.
  faults.envelope_loss = 0.02;
  faults.envelope_duplication = 0.05;
  faults.partition = 0.1;
  faults.crash = 0.002;
  faults.power_loss = 0.5;

  std::set<std::string> kept;  // What the sender was told.
  std::shared_ptr<Mailbox> mailbox;
  testing::Simulation sim(options, faults);
  sim.DescribePayloads([](std::string_view text) { return std::string(text); });
  sim.AddHost("inbox", [&](testing::SimHost& host) -> std::shared_ptr<void> {
    auto box =
        std::make_shared<Mailbox>(host.transport(), host.log("letters"), hasty);
    if (!box->IsOpen()) return nullptr;
    host.OnReceive("inbox", [at = box.get()](Envelope e) { at->Receive(e); });
    return mailbox = box;
  });
  testing::SimHost& sender = sim.AddHost("sender");
  sender.OnReceive("sender", [&](Envelope e) { kept.insert(e.payload); });

  for (int day = 1; day <= 40; ++day) {  // A letter a day; some days again
    for (int letter = 1; letter <= day; ++letter) {  // what is not kept yet.
      const std::string text = "letter-" + std::to_string(letter);
      if (kept.count(text) > 0 || (letter < day && day % 10 != 0)) continue;
      sender.transport()->Send({"sender", "inbox", text});
    }
    sim.RunFor(absl::Milliseconds(50));
  }

  sim.Calm();  // No more faults. Then the power goes: what is on the disk now?
  sim.RunFor(absl::Seconds(2));
  testing::SimHost* const inbox = sim.FindHost("inbox");
  inbox->PowerLoss();
  inbox->Restart();

  testing::Violations violations;  // The promise.
  for (const std::string& letter : kept) {
    if (!mailbox->Has(letter)) violations.Add("Kept", letter + " is gone");
  }
  testing::History history = sim.Report(violations);
  history.counters["letters kept"] = kept.size();
  return history;
}
// [/scenario]

}  // namespace

// [main]
int main(int argc, char** argv) {
  using testing::HistoryOptions;
  return testing::SimMain(
      argc, argv,
      {{"hasty", [](const HistoryOptions& o) { return Run(o, true); }},
       {"mended", [](const HistoryOptions& o) { return Run(o, false); }}});
}
// [/main]
