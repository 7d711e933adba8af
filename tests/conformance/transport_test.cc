// SPDX-License-Identifier: Apache-2.0
//
// The transports in virtual time conform, and every liar is caught.

#include "trivet/host/transport.h"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/broken_by.h"
#include "tests/support/manual_executor.h"
#include "trivet/testing/conformance/gtest.h"
#include "trivet/testing/conformance/pace.h"
#include "trivet/testing/conformance/transport_suite.h"
#include "trivet/testing/fault_options.h"
#include "trivet/testing/faulty_transport.h"
#include "trivet/testing/sim_host.h"
#include "trivet/testing/simulation.h"

namespace trivet {
namespace {

using ::testing::ElementsAre;
using testing::FaultOptions;
using testing::Pace;
using testing::SimHost;
using testing::Simulation;
using testing::TransportSubject;
using testing::TransportSuite;

class Simulated : public TransportSubject {
 public:
  explicit Simulated(const FaultOptions& faults) : sim_(1, faults) {}

  void Serve(std::string role, Receiver receiver) override {
    far_.OnReceive(std::move(role), std::move(receiver));
  }
  Transport* transport() override { return near_.transport(); }
  Pace pace() const override { return pace_; }
  bool StopServing(std::string_view role) override {
    far_.OnReceive(std::string(role), nullptr);
    return true;
  }

 protected:
  Simulation sim_;
  SimHost& near_ = sim_.AddHost("near");
  SimHost& far_ = sim_.AddHost("far");
  const Pace pace_{[this](absl::Duration span) { sim_.RunFor(span); }};
};

TRIVET_TEST_CONFORMANCE(SimHost, TransportSuite, [] {
  return std::make_unique<Simulated>(FaultOptions());
});

// What a transport may do, this one does.
TRIVET_TEST_CONFORMANCE(SimHostOnABadNetwork, TransportSuite, [] {
  FaultOptions faults;
  faults.envelope_loss = 0.3;
  faults.envelope_duplication = 0.3;
  faults.delay_max = absl::Milliseconds(100);
  return std::make_unique<Simulated>(faults);
});

// A transport without faults of its own.
class Direct final : public Transport {
 public:
  explicit Direct(SimHost* far) : far_(far) {}

  void Serve(std::string role, TransportSubject::Receiver receiver) {
    receivers_[std::move(role)] = std::move(receiver);
  }
  void StopServing(std::string_view role) {
    receivers_.erase(std::string(role));
  }
  void Send(Envelope envelope) override {
    far_->executor()->Post([this, envelope = std::move(envelope)] {
      const auto found = receivers_.find(envelope.to);
      if (found == receivers_.end()) return;
      const TransportSubject::Receiver receiver = found->second;
      receiver(envelope);
    });
  }

 private:
  SimHost* const far_;
  std::map<std::string, TransportSubject::Receiver> receivers_;
};

// The simulation's faults around it.
class Wrapped final : public Simulated {
 public:
  using Simulated::Simulated;

  void Serve(std::string role, Receiver receiver) override {
    direct_.Serve(std::move(role), std::move(receiver));
  }
  Transport* transport() override { return &wrapped_; }
  bool StopServing(std::string_view role) override {
    direct_.StopServing(role);
    return true;
  }

 private:
  Direct direct_{&far_};
  testing::FaultyTransport wrapped_{&near_, &direct_};
};

TRIVET_TEST_CONFORMANCE(FaultyTransport, TransportSuite, [] {
  return std::make_unique<Wrapped>(FaultOptions());
});
TRIVET_TEST_CONFORMANCE(FaultyTransportOnABadNetwork, TransportSuite, [] {
  FaultOptions faults;
  faults.envelope_loss = 0.3;
  faults.envelope_duplication = 0.3;
  faults.envelope_reordering = 0.3;
  faults.delay_max = absl::Milliseconds(100);
  return std::make_unique<Wrapped>(faults);
});

// --- Liars -------------------------------------------------------------------

// Honest as it stands: carries by tasks of an executor.
class Network : public TransportSubject, public Transport {
 public:
  void Serve(std::string role, Receiver receiver) override {
    receivers_[std::move(role)] = std::move(receiver);
  }
  Transport* transport() override { return this; }
  Pace pace() const override { return pace_; }
  bool StopServing(std::string_view role) override {
    receivers_.erase(std::string(role));
    return true;
  }

  void Send(Envelope envelope) override {
    executor_.Post(
        [this, envelope = std::move(envelope)] { Arrive(envelope); });
  }

 protected:
  void Arrive(const Envelope& envelope) { Deliver(envelope.to, envelope); }
  void Deliver(const std::string& role, const Envelope& envelope) {
    const auto found = receivers_.find(role);
    if (found == receivers_.end()) return;
    const Receiver receiver = found->second;  // It may be erased meanwhile.
    receiver(envelope);
  }

  ManualExecutor executor_;
  std::map<std::string, Receiver> receivers_;
  const Pace pace_{[this](absl::Duration span) { executor_.AdvanceBy(span); }};
};

TRIVET_TEST_CONFORMANCE(HonestNetwork, TransportSuite,
                        [] { return std::make_unique<Network>(); });

class DeliversInsideSend final : public Network {
 public:
  void Send(Envelope envelope) override { Arrive(envelope); }
};

// Whoever's name begins alike will do.
class DeliversToTheWrongRole final : public Network {
 public:
  void Send(Envelope envelope) override {
    for (const auto& receiver : receivers_) {
      if (receiver.first[0] != envelope.to[0]) continue;
      executor_.Post(
          [this, role = receiver.first, envelope] { Deliver(role, envelope); });
    }
  }
};

class DeliversToAnybodyWhatIsForNobody final : public Network {
 public:
  void Send(Envelope envelope) override {
    if (receivers_.count(envelope.to) > 0) {
      return Network::Send(std::move(envelope));
    }
    if (receivers_.empty()) return;
    executor_.Post([this, role = receivers_.begin()->first, envelope] {
      Deliver(role, envelope);
    });
  }
};

class DeliversAfterItWasTold final : public Network {
 public:
  bool StopServing(std::string_view) override { return true; }
};

class EndsPayloadsAtAZero final : public Network {
 public:
  void Send(Envelope envelope) override {
    envelope.payload = envelope.payload.substr(0, envelope.payload.find('\0'));
    Network::Send(std::move(envelope));
  }
};

class CutsLargePayloads final : public Network {
 public:
  void Send(Envelope envelope) override {
    if (envelope.payload.size() > 65536) envelope.payload.resize(65536);
    Network::Send(std::move(envelope));
  }
};

class MixesUpTheSender final : public Network {
 public:
  void Send(Envelope envelope) override {
    envelope.from = envelope.to;
    Network::Send(std::move(envelope));
  }
};

class Invents final : public Network {
 public:
  void Send(Envelope envelope) override {
    if (++sent_ == 50) Network::Send({"a", envelope.to, "an advertisement"});
    Network::Send(std::move(envelope));
  }

 private:
  int sent_ = 0;
};

class CarriesNothingFromAReceiver final : public Network {
 public:
  void Send(Envelope envelope) override {
    if (receiving_) return;
    executor_.Post([this, envelope = std::move(envelope)] {
      receiving_ = true;
      Arrive(envelope);
      receiving_ = false;
    });
  }

 private:
  bool receiving_ = false;
};

// Carries only what is large enough to be worth it.
class NeverSendsAShortOne final : public Network {
 public:
  void Send(Envelope envelope) override {
    if (envelope.payload.size() > 1) Network::Send(std::move(envelope));
  }
};

class GivesUpUnderLoad final : public Network {
 public:
  void Send(Envelope envelope) override {
    if (++sent_ < 400) Network::Send(std::move(envelope));
  }

 private:
  int sent_ = 0;
};

template <typename L>
std::vector<std::string> Broken() {
  return BrokenBy<TransportSuite>([] { return std::make_unique<L>(); });
}

TEST(LyingTransports, AreCaughtByWhatTheyBreak) {
  EXPECT_THAT(Broken<DeliversInsideSend>(),
              ElementsAre("SendNeverRunsAReceiver"));
  EXPECT_THAT(Broken<DeliversToTheWrongRole>(),
              ElementsAre("NeverDeliversToAnotherRole"));
  EXPECT_THAT(Broken<DeliversToAnybodyWhatIsForNobody>(),
              ElementsAre("SendToNobodyIsHarmless"));
  EXPECT_THAT(Broken<DeliversAfterItWasTold>(),
              ElementsAre("NeverDeliversOnceTold"));
  EXPECT_THAT(Broken<EndsPayloadsAtAZero>(),
              ElementsAre("NeverAltersAnEnvelope"));
  EXPECT_THAT(Broken<CutsLargePayloads>(),
              ElementsAre("NeverAltersAnEnvelope"));
  EXPECT_THAT(Broken<MixesUpTheSender>(), ElementsAre("NeverAltersAnEnvelope"));
  EXPECT_THAT(Broken<Invents>(), ElementsAre("NeverInventsAnEnvelope"));
  EXPECT_THAT(Broken<CarriesNothingFromAReceiver>(),
              ElementsAre("SendMayBeCalledInsideAReceiver"));
  EXPECT_THAT(Broken<NeverSendsAShortOne>(),
              ElementsAre("CarriesToTheRole", "SendNeverRunsAReceiver",
                          "SendToNobodyIsHarmless", "NeverAltersAnEnvelope",
                          "NeverDeliversOnceTold"));
  EXPECT_THAT(Broken<GivesUpUnderLoad>(), ElementsAre("CarriesManyAtOnce"));
}

}  // namespace
}  // namespace trivet
