// SPDX-License-Identifier: Apache-2.0

#include "tests/lock/support/lease_script.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "trivet/host/monotonic_time.h"
#include "trivet/lock/fencing_token.h"
#include "trivet/lock/lease_machine.h"
#include "trivet/lock/lease_options.h"
#include "trivet/lock/lock_backend.h"

namespace trivet {
namespace {

constexpr char kFolder[] = "tests/lock/scripts";

std::string Text(std::string_view text) { return std::string(text); }

absl::Duration ParseDuration(const std::string& text) {
  absl::Duration span;
  EXPECT_TRUE(absl::ParseDuration(text, &span)) << text;
  return span;
}

class Script {
 public:
  // Runs one command and returns what came of it.
  std::string Run(const std::string& command) {
    std::istringstream words(command);
    std::string verb;
    words >> verb;
    args_.clear();
    for (std::string word; words >> word;) {
      const size_t equals = word.find('=');
      if (equals == std::string::npos) {
        args_[word] = "";
      } else {
        args_[word.substr(0, equals)] = word.substr(equals + 1);
      }
    }
    out_.clear();
    if (verb == "lease") {
      MakeLease();
    } else if (verb == "advance") {
      Advance(ParseDuration(args_.begin()->first));
    } else if (verb == "sleep") {
      now_ = now_ + ParseDuration(args_.begin()->first);
    } else {
      Step(MakeEvent(verb), "");
    }
    absl::StrAppend(&out_, "wakeup ", Since(machine_->NextWakeup()), "\n");
    return out_;
  }

 private:
  std::optional<std::string> Arg(const std::string& name) const {
    const auto found = args_.find(name);
    if (found == args_.end()) return std::nullopt;
    return found->second;
  }
  absl::Duration DurationArg(const std::string& name,
                             absl::Duration otherwise) const {
    const auto text = Arg(name);
    return text.has_value() ? ParseDuration(*text) : otherwise;
  }

  void MakeLease() {
    LeaseOptions options;
    options.ttl = DurationArg("ttl", options.ttl);
    options.renew_after = DurationArg("renew_after", options.renew_after);
    options.request_timeout = DurationArg("timeout", options.request_timeout);
    options.retry_min = DurationArg("retry_min", options.retry_min);
    options.retry_max = DurationArg("retry_max", options.retry_max);
    machine_ = std::make_unique<LeaseMachine>(options, /*jitter_seed=*/1);
  }

  uint64_t RequestArg() const {
    for (const auto& [name, value] : args_) {
      if (name[0] == '#') return std::stoull(name.substr(1));
    }
    ADD_FAILURE() << "no request number";
    return 0;
  }

  absl::Status ErrorArg() const {
    const auto code = Arg("DATA_LOSS").has_value()
                          ? absl::StatusCode::kDataLoss
                          : absl::StatusCode::kUnavailable;
    return absl::Status(code, "no luck");
  }

  absl::StatusOr<std::optional<LeaseGrant>> GrantArg() const {
    if (Arg("error").has_value()) return ErrorArg();
    if (Arg("refused").has_value()) return std::nullopt;
    const uint64_t token = std::stoull(Arg("token").value_or("0"));
    return LeaseGrant{{0, token}, DurationArg("ttl", absl::Seconds(15))};
  }

  LeaseMachine::Event MakeEvent(const std::string& verb) const {
    if (verb == "start") {
      return LeaseMachine::Started{
          now_ + DurationArg("give_up", absl::InfiniteDuration()),
          !Arg("nowait").has_value()};
    }
    if (verb == "acquired") {
      return LeaseMachine::Acquired{RequestArg(), GrantArg()};
    }
    if (verb == "renewed") {
      return LeaseMachine::Renewed{RequestArg(), GrantArg()};
    }
    if (verb == "released") {
      if (Arg("error").has_value()) {
        return LeaseMachine::Released{RequestArg(), ErrorArg()};
      }
      return LeaseMachine::Released{RequestArg(), Arg("ok").has_value()};
    }
    if (verb == "freed") return LeaseMachine::MaybeFreed{};
    if (verb == "cancel") return LeaseMachine::Cancelled{};
    if (verb == "release") return LeaseMachine::ReleaseRequested{};
    EXPECT_EQ(verb, "tick");
    return LeaseMachine::Ticked{};
  }

  void Advance(absl::Duration span) {
    const MonotonicTime end = now_ + span;
    while (machine_->NextWakeup() <= end) {
      now_ = std::max(now_, machine_->NextWakeup());
      Step(LeaseMachine::Ticked{}, absl::StrCat("at ", Since(now_), ": "));
    }
    now_ = end;
  }

  void Step(LeaseMachine::Event event, const std::string& prefix) {
    LeaseMachine::Effects effects;
    const MonotonicTime valid_before = machine_->valid_until();
    machine_->Step(now_, std::move(event), &effects);
    if (effects.entered.has_value()) {
      absl::StrAppend(&out_, prefix, "enter ",
                      Text(ToString(*effects.entered)));
      if (*effects.entered == LeaseState::kHeld) {
        absl::StrAppend(&out_, " token ", ToString(machine_->fencing_token()));
      }
      if (!effects.why.ok()) {
        absl::StrAppend(&out_, ", ", effects.why.ToString());
      }
      absl::StrAppend(&out_, "\n");
    }
    if (machine_->valid_until() != valid_before &&
        machine_->state() == LeaseState::kHeld) {
      absl::StrAppend(&out_, prefix, "valid until ",
                      Since(machine_->valid_until()), "\n");
    }
    for (const LeaseMachine::Request& request : effects.requests) {
      static constexpr const char* kNames[] = {"acquire", "renew", "release",
                                               "await"};
      absl::StrAppend(
          &out_, prefix, "ask ", kNames[static_cast<int>(request.method)], " #",
          request.id, ", answer by ", Since(request.deadline), "\n");
    }
    if (machine_->Finished() && !finished_) {
      finished_ = true;
      absl::StrAppend(&out_, prefix, "finished\n");
    }
  }

  std::string Since(MonotonicTime time) const {
    if (time == MonotonicTime::InfiniteFuture()) return "never";
    return absl::FormatDuration(
        absl::Floor(time - start_, absl::Milliseconds(1)));
  }

  const MonotonicTime start_ = MonotonicTime::FromOrigin(absl::Seconds(5000));
  MonotonicTime now_ = start_;
  std::unique_ptr<LeaseMachine> machine_;
  bool finished_ = false;
  std::map<std::string, std::string> args_;
  std::string out_;
};

}  // namespace

std::string ReplayLeaseScript(const std::string& text) {
  std::istringstream lines(text);
  std::string result;
  Script script;
  bool in_answer = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) {
      in_answer = false;
      absl::StrAppend(&result, "\n");
    } else if (line[0] == '#') {
      absl::StrAppend(&result, line, "\n");
    } else if (!in_answer) {
      absl::StrAppend(&result, line, "\n----\n", script.Run(line));
      in_answer = true;
    }
  }
  return result;
}

std::vector<std::string> AllLeaseScripts() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string LeaseScriptPath(const std::string& name) {
  return absl::StrCat(kFolder, "/", name, ".txt");
}

std::string ReadLeaseScript(const std::string& name) {
  std::stringstream text;
  text << std::ifstream(LeaseScriptPath(name)).rdbuf();
  return text.str();
}

}  // namespace trivet
