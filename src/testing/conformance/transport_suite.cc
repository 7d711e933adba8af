// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/conformance/transport_suite.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "src/testing/conformance/trial.h"
#include "trivet/host/transport.h"
#include "trivet/testing/conformance/pace.h"
#include "trivet/testing/conformance/promise.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {
namespace {

using internal::Trial;

// What has arrived. Receivers hold it, since late envelopes may outlive the
// promise.
struct Inbox {
  std::map<std::string, std::vector<Envelope>> by_role;
  std::thread::id sender;  // Who is inside Send now.
  bool inside = false;     // A receiver ran inside it.

  size_t Count(const std::string& role, const std::string& payload) {
    const std::vector<Envelope>& got = by_role[role];
    return static_cast<size_t>(std::count_if(
        got.begin(), got.end(),
        [&](const Envelope& one) { return one.payload == payload; }));
  }
};

// A subject with some roles served, and a sender that does not give up.
class Mail {
 public:
  Mail(TransportSubject* subject, const std::vector<std::string>& roles)
      : subject_(subject), trial_(subject->pace()) {
    for (const std::string& role : roles) {
      subject->Serve(role, [inbox = inbox_, pace = subject->pace(),
                            role](Envelope envelope) {
        pace.Update([&] {
          if (inbox->sender == std::this_thread::get_id()) {
            inbox->inside = true;
          }
          inbox->by_role[role].push_back(std::move(envelope));
        });
      });
    }
  }

  void Send(Envelope envelope) {
    trial_.pace().Update([&] { inbox_->sender = std::this_thread::get_id(); });
    subject_->transport()->Send(std::move(envelope));
    trial_.pace().Update([&] { inbox_->sender = std::thread::id(); });
  }

  // Sends it until it has arrived where it should.
  void Carry(const Envelope& envelope) {
    constexpr int kAttempts = 20;
    for (int i = 0; i < kAttempts && trial_.ok(); ++i) {
      Send(envelope);
      if (trial_.pace().AwaitFor(trial_.pace().patience() / kAttempts, [&] {
            return inbox_->Count(envelope.to, envelope.payload) > 0;
          })) {
        return;
      }
    }
    trial_.Expect(false, "an envelope to '" + envelope.to + "' of " +
                             std::to_string(envelope.payload.size()) +
                             " bytes never arrived");
  }

  // What arrived, under the lock.
  template <typename F>
  void Look(F look) {
    trial_.pace().Update([&] { look(*inbox_); });
  }

  Trial& trial() { return trial_; }

 private:
  TransportSubject* const subject_;
  Trial trial_;
  const std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();
};

Finding CarriesToTheRole(TransportSubject& subject) {
  Mail mail(&subject, {"b"});
  for (const char* const payload : {"1", "2", "3"}) {
    mail.Carry({"a", "b", payload});
  }
  return mail.trial().Result();
}

Finding CarriesManyAtOnce(TransportSubject& subject) {
  Mail mail(&subject, {"b", "c"});
  for (int i = 0; i < 500; ++i) {
    mail.Send({"a", i % 2 == 0 ? "b" : "c", std::to_string(i)});
  }
  mail.Carry({"a", "b", "the last"});
  mail.Carry({"a", "c", "the last"});
  return mail.trial().Result();
}

Finding SendNeverRunsAReceiver(TransportSubject& subject) {
  Mail mail(&subject, {"b"});
  for (int i = 0; i < 20; ++i) mail.Carry({"a", "b", std::to_string(i)});
  mail.Look([&](const Inbox& inbox) {
    mail.trial().Expect(!inbox.inside, "a receiver ran inside Send");
  });
  return mail.trial().Result();
}

// The receiver waits until the sender is through.
Finding SendDoesNotWaitForAReceiver(TransportSubject& subject) {
  if (subject.pace().is_virtual()) {
    return Finding::NotChecked("in virtual time no receiver can wait");
  }
  Trial trial(subject.pace());
  struct State {
    bool through = false;
    bool released = false;
    bool received = false;
  };
  const auto state = std::make_shared<State>();
  subject.Serve("b", [state, pace = subject.pace()](const Envelope&) {
    pace.Await([&] { return state->through || state->released; });
    pace.Update([&] { state->received = true; });
  });
  Transport* const transport = subject.transport();
  std::thread sender([&, pace = subject.pace()] {
    for (int i = 0; i < 200; ++i) transport->Send({"a", "b", "1"});
    pace.Update([&] { state->through = true; });
  });
  trial.Await([&] { return state->through; }, "Send waited for a receiver");
  trial.pace().Update([&] { state->released = true; });
  sender.join();
  trial.Await([&] { return state->received; }, "nothing was received");
  return trial.Result();
}

Finding SendToNobodyIsHarmless(TransportSubject& subject) {
  Mail mail(&subject, {"b"});
  mail.Send({"a", "nobody", "1"});
  mail.Send({"nobody", "no one", ""});
  mail.Carry({"a", "b", "2"});
  mail.Look([&](Inbox& inbox) {
    mail.trial().Expect(inbox.Count("b", "1") == 0,
                        "an envelope to nobody was delivered to 'b'");
  });
  return mail.trial().Result();
}

Finding NeverAltersAnEnvelope(TransportSubject& subject) {
  Mail mail(&subject, {"b"});
  std::string all_bytes;
  for (int i = 0; i < 256; ++i) all_bytes.push_back(static_cast<char>(i));
  const std::vector<std::string> payloads = {
      "", std::string(1, '\0'), "\r\n", all_bytes,
      std::string(subject.payload_max(), 'x')};
  for (const std::string& payload : payloads) {
    mail.Carry({"a", "b", payload});
  }
  mail.Look([&](const Inbox& inbox) {
    for (const Envelope& got : inbox.by_role.at("b")) {
      mail.trial().Expect(std::find(payloads.begin(), payloads.end(),
                                    got.payload) != payloads.end(),
                          "a payload was altered");
      mail.trial().Expect(got.from == "a", "the sender's name was altered");
      mail.trial().Expect(got.to == "b", "the address was altered");
    }
  });
  return mail.trial().Result();
}

Finding NeverInventsAnEnvelope(TransportSubject& subject) {
  Mail mail(&subject, {"b"});
  std::vector<std::string> sent;
  for (int i = 0; i < 100; ++i) {
    sent.push_back("payload " + std::to_string(i));
    mail.Carry({"a", "b", sent.back()});
  }
  mail.trial().pace().Pass(absl::Milliseconds(5));
  mail.Look([&](const Inbox& inbox) {
    for (const Envelope& got : inbox.by_role.at("b")) {
      mail.trial().Expect(
          std::find(sent.begin(), sent.end(), got.payload) != sent.end(),
          "an envelope arrived that nobody sent");
    }
  });
  return mail.trial().Result();
}

Finding NeverDeliversToAnotherRole(TransportSubject& subject) {
  const std::vector<std::string> roles = {"b", "b2", "bb", "B", "shop/b"};
  Mail mail(&subject, roles);
  for (int i = 0; i < 10; ++i) {
    for (const std::string& role : roles) {
      mail.Carry({"a", role, "to " + role + " " + std::to_string(i)});
    }
  }
  mail.Look([&](const Inbox& inbox) {
    for (const auto& [role, envelopes] : inbox.by_role) {
      for (const Envelope& got : envelopes) {
        const bool is_ours = got.payload.substr(0, 3) == "to ";
        mail.trial().Expect(
            !is_ours ||
                got.payload.substr(0, role.size() + 4) == "to " + role + " ",
            "'" + role + "' was given what was sent '" + got.payload + "'");
      }
    }
  });
  return mail.trial().Result();
}

Finding NeverDeliversOnceTold(TransportSubject& subject) {
  Mail mail(&subject, {"b"});
  mail.Carry({"a", "b", "1"});
  for (int i = 0; i < 100; ++i) mail.Send({"a", "b", "under way"});
  if (!subject.StopServing("b")) {
    return Finding::NotChecked("a role cannot be given up here");
  }
  size_t before = 0;
  mail.Look([&](const Inbox& inbox) { before = inbox.by_role.at("b").size(); });
  for (int i = 0; i < 100; ++i) mail.Send({"a", "b", "too late"});
  mail.trial().pace().Pass(absl::Milliseconds(20));
  mail.Look([&](const Inbox& inbox) {
    mail.trial().Expect(inbox.by_role.at("b").size() == before,
                        "a role that was given up received an envelope");
  });
  return mail.trial().Result();
}

Finding SendMayBeCalledInsideAReceiver(TransportSubject& subject) {
  const Trial trial(subject.pace());
  const auto arrived = std::make_shared<bool>(false);
  // Set before the first envelope is sent, but after the role is served.
  const auto transport = std::make_shared<Transport*>(nullptr);
  subject.Serve("b", [=, pace = subject.pace()](const Envelope& got) {
    if (got.payload == "first") return (*transport)->Send({"b", "b", "second"});
    pace.Update([&] { *arrived = true; });
  });
  *transport = subject.transport();
  constexpr int kAttempts = 20;
  for (int i = 0; i < kAttempts; ++i) {
    subject.transport()->Send({"a", "b", "first"});
    if (trial.pace().AwaitFor(trial.pace().patience() / kAttempts,
                              [&] { return *arrived; })) {
      return Finding::Kept();
    }
  }
  return Finding::Broken("what a receiver sent never arrived");
}

Finding SendMayBeCalledFromAnyThread(TransportSubject& subject) {
  if (subject.pace().is_virtual()) {
    return Finding::NotChecked("virtual time belongs to one thread");
  }
  Mail mail(&subject, {"b"});
  mail.Carry({"a", "b", "ready"});
  Transport* const transport = subject.transport();  // Asked for once.
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, name = "thread " + std::to_string(t)] {
      for (int i = 0; i < 100; ++i) {
        transport->Send({name, "b", name});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int t = 0; t < 4; ++t) {
    mail.Carry(
        {"thread " + std::to_string(t), "b", "thread " + std::to_string(t)});
  }
  mail.Look([&](const Inbox& inbox) {
    for (const Envelope& got : inbox.by_role.at("b")) {
      mail.trial().Expect(got.payload == "ready" || got.payload == got.from,
                          "two threads' envelopes were mixed");
    }
  });
  return mail.trial().Result();
}

}  // namespace

const std::vector<Promise<TransportSubject>>& TransportSuite::Promises() {
  static const auto* const promises =
      new std::vector<Promise<TransportSubject>>{
          {"CarriesToTheRole", CarriesToTheRole},
          {"CarriesManyAtOnce", CarriesManyAtOnce},
          {"SendNeverRunsAReceiver", SendNeverRunsAReceiver},
          {"SendDoesNotWaitForAReceiver", SendDoesNotWaitForAReceiver},
          {"SendToNobodyIsHarmless", SendToNobodyIsHarmless},
          {"NeverAltersAnEnvelope", NeverAltersAnEnvelope},
          {"NeverInventsAnEnvelope", NeverInventsAnEnvelope},
          {"NeverDeliversToAnotherRole", NeverDeliversToAnotherRole},
          {"NeverDeliversOnceTold", NeverDeliversOnceTold},
          {"SendMayBeCalledInsideAReceiver", SendMayBeCalledInsideAReceiver},
          {"SendMayBeCalledFromAnyThread", SendMayBeCalledFromAnyThread},
      };
  return *promises;
}

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
