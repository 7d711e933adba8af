// SPDX-License-Identifier: Apache-2.0

#include "trivet/testing/conformance/versioned_store_suite.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "src/testing/conformance/trial.h"
#include "trivet/host/versioned_store.h"
#include "trivet/testing/conformance/pace.h"
#include "trivet/testing/conformance/promise.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {
namespace {

using internal::Trial;

// A call that was made. The callback shares it, since it may come late.
template <typename T>
struct Call {
  std::optional<absl::StatusOr<T>> answer;
  int answers = 0;
};

// A client of the store, whose calls wait, or do not.
class Client {
 public:
  explicit Client(VersionedStoreSubject* subject)
      : subject_(subject), trial_(subject->pace()) {}

  template <typename T>
  using Pending = std::shared_ptr<Call<T>>;

  Pending<VersionedValue> StartGet(const std::string& key) {
    auto call = std::make_shared<Call<VersionedValue>>();
    store().Get(key, Answer(call));
    return call;
  }
  Pending<uint64_t> StartSet(const std::string& key, uint64_t expected,
                             const std::string& value) {
    auto call = std::make_shared<Call<uint64_t>>();
    store().CompareAndSet(key, expected, value, Answer(call));
    return call;
  }

  template <typename T>
  absl::StatusOr<T> Wait(const Pending<T>& call) {
    absl::StatusOr<T> answer = absl::DeadlineExceededError("no answer");
    trial_.Await([&] { return call->answer.has_value(); },
                 "a call was never answered");
    trial_.pace().Update([&] {
      if (call->answer.has_value()) answer = *call->answer;
    });
    return answer;
  }

  // Reads, which must succeed.
  VersionedValue Get(const std::string& key) {
    const auto got = Wait(StartGet(key));
    trial_.Expect(got.ok(), "reading failed: " + got.status().ToString());
    return got.value_or(VersionedValue());
  }
  absl::StatusOr<uint64_t> Set(const std::string& key, uint64_t expected,
                               const std::string& value) {
    return Wait(StartSet(key, expected, value));
  }
  // Writes, which must succeed.
  uint64_t Write(const std::string& key, uint64_t expected,
                 const std::string& value) {
    const auto set = Set(key, expected, value);
    trial_.Expect(set.ok(), "writing at the version that was read failed: " +
                                set.status().ToString());
    return set.value_or(0);
  }
  void ExpectRefused(const absl::Status& status) {
    trial_.Expect(!status.ok(), "a write at another version succeeded");
    trial_.Expect(absl::IsAborted(status),
                  "a conflict is not kAborted: " + status.ToString());
  }
  void ExpectHolds(const std::string& key, const std::string& value,
                   uint64_t version) {
    const VersionedValue held = Get(key);
    trial_.Expect(held.value == value, "another value is read than written");
    trial_.Expect(held.version == version,
                  "another version is read than was reported");
  }

  void UseRival(VersionedStore* rival) { rival_ = rival; }
  Trial& trial() { return trial_; }

 private:
  VersionedStore& store() {
    return rival_ != nullptr ? *rival_ : *subject_->store();
  }

  template <typename T>
  VersionedStore::Done<T> Answer(const Pending<T>& call) {
    return [call, pace = trial_.pace()](absl::StatusOr<T> answer) {
      pace.Update([&] {
        call->answer = std::move(answer);
        ++call->answers;
      });
    };
  }

  VersionedStoreSubject* const subject_;
  VersionedStore* rival_ = nullptr;
  Trial trial_;
};

Finding NeverWrittenIsVersionZeroAndEmpty(VersionedStoreSubject& subject) {
  Client client(&subject);
  client.ExpectHolds("a", "", 0);
  client.Write("b", 0, "x");
  client.ExpectHolds("a", "", 0);
  return client.trial().Result();
}

Finding AWriteIsReadByWhoeverAsksAfterIt(VersionedStoreSubject& subject) {
  Client client(&subject);
  uint64_t version = 0;
  for (int i = 0; i < 20; ++i) {
    const std::string value = "value " + std::to_string(i);
    version = client.Write("a", version, value);
    client.ExpectHolds("a", value, version);
  }
  return client.trial().Result();
}

// All are under way together, and all expect the same.
Finding ARaceHasOneWinner(VersionedStoreSubject& subject) {
  Client client(&subject);
  uint64_t version = 0;
  for (int round = 0; round < 10 && client.trial().ok(); ++round) {
    std::vector<Client::Pending<uint64_t>> writes;
    writes.reserve(10);
    for (int i = 0; i < 10; ++i) {
      writes.push_back(client.StartSet("a", version, std::to_string(i)));
    }
    std::optional<size_t> winner;
    for (size_t i = 0; i < writes.size(); ++i) {
      const auto written = client.Wait(writes[i]);
      if (!written.ok()) {
        client.ExpectRefused(written.status());
        continue;
      }
      client.trial().Expect(!winner.has_value(),
                            "two writes at one version succeeded");
      winner = i;
      version = *written;
    }
    client.trial().Expect(winner.has_value(), "no write succeeded");
    if (winner.has_value()) {
      client.ExpectHolds("a", std::to_string(*winner), version);
    }
  }
  return client.trial().Result();
}

// Reads that are under way while a writer writes: what was seen or reported
// before one was asked for is the least that it may show.
Finding ReadsNeverGoBack(VersionedStoreSubject& subject) {
  Client client(&subject);
  uint64_t version = 0;
  for (int i = 0; i < 50 && client.trial().ok(); ++i) {
    const auto write = client.StartSet("a", version, std::to_string(i));
    const auto early = client.StartGet("a");
    const auto written = client.Wait(write);
    const auto late = client.StartGet("a");
    const auto seen_early = client.Wait(early);
    const auto seen_late = client.Wait(late);
    if (!written.ok() || !seen_early.ok() || !seen_late.ok()) {
      client.trial().Expect(false, "a call without a conflict failed");
      break;
    }
    client.trial().Expect(seen_early->version >= version,
                          "a read shows less than was reported before it");
    client.trial().Expect(seen_late->version >= *written,
                          "a read shows less than was reported before it");
    version = *written;
  }
  return client.trial().Result();
}

Finding AnotherClientReadsWhatWasWritten(VersionedStoreSubject& subject) {
  VersionedStore* const rival = subject.rival();
  if (rival == nullptr) {
    return Finding::NotChecked("the store has one client at a time");
  }
  Client client(&subject);
  uint64_t version = 0;
  for (int i = 0; i < 10; ++i) {
    client.UseRival(nullptr);
    version = client.Write("a", version, "mine");
    client.UseRival(rival);
    client.ExpectHolds("a", "mine", version);
    client.ExpectRefused(client.Set("a", version - 1, "x").status());
    version = client.Write("a", version, "theirs");
    client.UseRival(nullptr);
    client.ExpectHolds("a", "theirs", version);
  }
  return client.trial().Result();
}

Finding VersionsIncrease(VersionedStoreSubject& subject) {
  Client client(&subject);
  uint64_t version = 0;
  for (int i = 0; i < 100; ++i) {
    // The same value again is a write like any other, and so is an empty one.
    const uint64_t next = client.Write("a", version, i % 2 == 0 ? "" : "x");
    client.trial().Expect(next > version, "a version did not increase");
    version = next;
  }
  return client.trial().Result();
}

Finding VersionsIncreaseForEver(VersionedStoreSubject& subject) {
  Client client(&subject);
  uint64_t version = 0;
  for (int life = 0; life < 5; ++life) {
    for (int i = 0; i < 3; ++i) {
      const uint64_t next = client.Write("a", version, std::to_string(i));
      client.trial().Expect(next > version, "a version came again");
      version = next;
    }
    if (!subject.Restart()) {
      return Finding::NotChecked("the store cannot be ended here");
    }
    client.ExpectHolds("a", "2", version);
  }
  return client.trial().Result();
}

Finding WritesAtTheExpectedVersionOnly(VersionedStoreSubject& subject) {
  Client client(&subject);
  client.ExpectRefused(client.Set("a", 1, "x").status());
  const uint64_t first = client.Write("a", 0, "one");
  const uint64_t second = client.Write("a", first, "two");
  for (const uint64_t other :
       {uint64_t{0}, first, second + 1, second + 1000, UINT64_MAX}) {
    client.ExpectRefused(client.Set("a", other, "x").status());
  }
  client.Write("a", second, "three");
  return client.trial().Result();
}

Finding ARefusalWritesNothing(VersionedStoreSubject& subject) {
  Client client(&subject);
  const uint64_t first = client.Write("a", 0, "one");
  const uint64_t second = client.Write("a", first, "two");
  for (const uint64_t other : {uint64_t{0}, first, second + 1}) {
    client.Set("a", other, "x").status().IgnoreError();
    client.ExpectHolds("a", "two", second);
  }
  client.Set("b", 1, "x").status().IgnoreError();
  client.ExpectHolds("b", "", 0);
  return client.trial().Result();
}

Finding RegistersAreIndependent(VersionedStoreSubject& subject) {
  Client client(&subject);
  const uint64_t a = client.Write("a", client.Write("a", 0, "a"), "aa");
  const uint64_t b = client.Write("b", 0, "b");
  client.ExpectHolds("a", "aa", a);
  client.ExpectHolds("b", "b", b);
  return client.trial().Result();
}

Finding KeysAndValuesAreAnyBytes(VersionedStoreSubject& subject) {
  Client client(&subject);
  std::string all_bytes;
  for (int i = 0; i < 256; ++i) all_bytes.push_back(static_cast<char>(i));
  const std::vector<std::string> keys = {"a",
                                         "A",
                                         std::string(1, '\0'),
                                         std::string("a\0", 2),
                                         "a/b",
                                         "..",
                                         "a%2Fb",
                                         "\xff\xfe",
                                         "'; DROP TABLE registers; --",
                                         all_bytes,
                                         std::string(512, 'k'),
                                         std::string(511, 'k')};
  std::vector<uint64_t> versions;
  versions.reserve(keys.size());
  for (const std::string& key : keys) {
    versions.push_back(client.Write(key, 0, all_bytes + key));
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    client.ExpectHolds(keys[i], all_bytes + keys[i], versions[i]);
  }
  return client.trial().Result();
}

Finding EveryCallIsAnsweredOnce(VersionedStoreSubject& subject) {
  Client client(&subject);
  std::vector<Client::Pending<VersionedValue>> reads;
  std::vector<Client::Pending<uint64_t>> writes;
  for (int i = 0; i < 20; ++i) {
    reads.push_back(client.StartGet("a"));
    writes.push_back(client.StartSet("a", 0, "x"));
  }
  for (const auto& read : reads) client.Wait(read).status().IgnoreError();
  for (const auto& write : writes) client.Wait(write).status().IgnoreError();
  client.Get("a");
  client.trial().pace().Pass(absl::Milliseconds(5));
  client.trial().pace().Update([&] {
    const auto once = [](const auto& call) { return call->answers == 1; };
    client.trial().Expect(std::all_of(reads.begin(), reads.end(), once) &&
                              std::all_of(writes.begin(), writes.end(), once),
                          "a call was answered twice");
  });
  return client.trial().Result();
}

}  // namespace

const std::vector<Promise<VersionedStoreSubject>>&
VersionedStoreSuite::Promises() {
  static const auto* const promises =
      new std::vector<Promise<VersionedStoreSubject>>{
          {"NeverWrittenIsVersionZeroAndEmpty",
           NeverWrittenIsVersionZeroAndEmpty},
          {"AWriteIsReadByWhoeverAsksAfterIt",
           AWriteIsReadByWhoeverAsksAfterIt},
          {"ARaceHasOneWinner", ARaceHasOneWinner},
          {"ReadsNeverGoBack", ReadsNeverGoBack},
          {"AnotherClientReadsWhatWasWritten",
           AnotherClientReadsWhatWasWritten},
          {"VersionsIncrease", VersionsIncrease},
          {"VersionsIncreaseForEver", VersionsIncreaseForEver},
          {"WritesAtTheExpectedVersionOnly", WritesAtTheExpectedVersionOnly},
          {"ARefusalWritesNothing", ARefusalWritesNothing},
          {"RegistersAreIndependent", RegistersAreIndependent},
          {"KeysAndValuesAreAnyBytes", KeysAndValuesAreAnyBytes},
          {"EveryCallIsAnsweredOnce", EveryCallIsAnsweredOnce},
      };
  return *promises;
}

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet
