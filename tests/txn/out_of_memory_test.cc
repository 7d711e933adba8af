// SPDX-License-Identifier: Apache-2.0
//
// Memory runs out at every n-th allocation of a host, in a child process: the
// process ends there and then, as in a crash, and what is started on its
// directory afterwards finds nothing half done.
//
// Of pairs of deaths, the second during the recovery from the first, a part is
// tried: the second at one in TRIVET_ALLOCATION_STRIDE allocations, 25 if it is
// not set; 1 tries all.

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cinttypes>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "src/lock/cas_register.h"
#include "tests/support/real_time.h"
#include "tests/support/temp_dir.h"
#include "trivet/adapters/file/file_log_store.h"
#include "trivet/adapters/file/file_versioned_store.h"
#include "trivet/adapters/inprocess/inprocess_transport.h"
#include "trivet/adapters/thread/thread_executor.h"
#include "trivet/lock/cas_lock_backend.h"
#include "trivet/lock/lock_client.h"
#include "trivet/txn/coordinator.h"
#include "trivet/txn/participant.h"
#include "trivet/txn/resource.h"
#include "trivet/txn/transaction.h"

namespace {

std::atomic<int64_t> allocations_left{INT64_MAX};  // Up to the one that fails.

void* Allocate(size_t size, size_t alignment) {
  if (allocations_left.fetch_sub(1) == 1) throw std::bad_alloc();
  const size_t whole = (size + alignment - 1) / alignment * alignment;
  void* const memory = std::aligned_alloc(alignment, whole);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace

void* operator new(size_t size) {
  return Allocate(size, alignof(std::max_align_t));
}
void* operator new[](size_t size) {
  return Allocate(size, alignof(std::max_align_t));
}
void* operator new(size_t size, std::align_val_t alignment) {
  return Allocate(size, static_cast<size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace trivet {
namespace {

// A file of lines, each written at once: what a process wrote outlives it.
class Lines {
 public:
  explicit Lines(const std::string& path)
      : file_(open(path.c_str(), O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC,
                   0600)) {}
  ~Lines() { close(file_); }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  void Add(const std::string& line) {
    const std::string whole = line + "\n";
    const auto size = static_cast<ssize_t>(whole.size());
    if (write(file_, whole.data(), whole.size()) != size) std::abort();
  }

  // Not by a stream of the standard library, which catches std::bad_alloc.
  static std::vector<std::string> Of(const std::string& path) {
    std::vector<std::string> lines;
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    std::string line;
    for (char c = 0; read(file, &c, 1) == 1;) {
      if (c != '\n') {
        line += c;
      } else {
        lines.push_back(std::exchange(line, ""));
      }
    }
    close(file);
    return lines;
  }

 private:
  const int file_;
};

// Keeps what it is asked for in a file of lines. Votes no on "no".
class Rows final : public Resource {
 public:
  explicit Rows(const std::string& path) : lines_(path) {
    for (const std::string& line : Lines::Of(path)) {
      const size_t id = line.find(' ') + 1;
      const size_t work = line.find(' ', id) + 1;
      Take(line.substr(0, id - 1),
           *TxnId::Parse(line.substr(id, work - id - 1)), line.substr(work));
    }
  }

  void ListPrepared(
      absl::AnyInvocable<void(absl::StatusOr<std::vector<TxnId>>) &&> done)
      override {
    std::vector<TxnId> ids;
    state_.Update([&] {
      for (const auto& [id, work] : prepared_) ids.push_back(id);
    });
    std::move(done)(std::move(ids));
  }

  void Prepare(const TxnId& id, std::string work,
               absl::AnyInvocable<void(Vote) &&> done) override {
    if (work == "no") return std::move(done)(Vote(Vote::kNo, "it says so"));
    state_.Update([&] { Write("prepared", id, work); });
    std::move(done)(Vote(Vote::kYes));
  }

  void Apply(const TxnId& id, Decision decision, std::string,
             absl::AnyInvocable<void(absl::Status) &&> done) override {
    state_.Update([&] {
      const auto found = prepared_.find(id);
      if (found == prepared_.end()) return;
      const std::string work = found->second;
      Write(decision == Decision::kCommit ? "commit" : "abort", id, work);
    });
    std::move(done)(absl::OkStatus());
  }

  // How often each work was committed, once nothing is prepared any more.
  std::map<std::string, int> AwaitCommitted() {
    state_.WaitFor([this] { return prepared_.empty(); });
    std::map<std::string, int> committed;
    state_.Update([&] { committed = committed_; });
    return committed;
  }

 private:
  void Write(const std::string& what, const TxnId& id,
             const std::string& work) {
    lines_.Add(what + " " + id.ToString() + " " + work);
    Take(what, id, work);
  }
  void Take(const std::string& what, const TxnId& id, const std::string& work) {
    if (what == "prepared") {
      prepared_[id] = work;
      return;
    }
    prepared_.erase(id);
    if (what == "commit") ++committed_[work];
  }

  SharedState state_;
  Lines lines_;
  std::map<TxnId, std::string> prepared_;
  std::map<std::string, int> committed_;
};

// A role's log: opened, or created at the first start.
std::unique_ptr<FileLogStore> OpenLog(const std::string& path) {
  FileLogOptions options;
  options.segment_size = 16384;
  options.record_size_max = 8192;
  auto log = FileLogStore::Open(path, options);
  if (absl::IsNotFound(log.status())) log = FileLogStore::Create(path, options);
  if (!log.ok()) std::fprintf(stderr, "%s\n", log.status().ToString().c_str());
  return *std::move(log);
}

// A whole host: a coordinator and two participants on file logs.
class Host {
 public:
  explicit Host(const std::string& directory)
      : bank_log_(OpenLog(directory + "/bank")),
        a_log_(OpenLog(directory + "/a")),
        b_log_(OpenLog(directory + "/b")),
        a(directory + "/a.rows"),
        b(directory + "/b.rows") {
    CoordinatorOptions options;
    options.resend_min = absl::Milliseconds(2);
    options.max_work_bytes = 64;
    options.max_branches = 4;
    bank = *Coordinator::Open(executor_.get(), &net_, bank_log_.get(), "bank",
                              options);
    net_.Register("bank", [this](Envelope e) { bank->Receive(std::move(e)); });
    a_role_ = OpenShard("a", a_log_.get(), &a);
    b_role_ = OpenShard("b", b_log_.get(), &b);
  }
  ~Host() {
    for (const char* role : {"bank", "a", "b"}) net_.Unregister(role);
  }

  // Nullopt: nobody knows.
  std::optional<Decision> Run(const std::string& of_a,
                              const std::string& of_b) {
    const auto outcome = bank->Run({{"a", of_a}, {"b", of_b}});
    return outcome.ok() ? outcome->decision : std::nullopt;
  }

 private:
  std::unique_ptr<Participant> OpenShard(const std::string& name, LogStore* log,
                                         Rows* rows) {
    ParticipantOptions options;
    options.inquire_min = absl::Milliseconds(2);
    options.max_work_bytes = 64;
    auto role =
        *Participant::Open(executor_.get(), &net_, log, rows, name, options);
    net_.Register(name, [shard = role.get()](Envelope e) {
      shard->Receive(std::move(e));
    });
    return role;
  }

  // The declaration order is the order of life: roles end first.
  std::unique_ptr<ThreadExecutor> executor_ = *ThreadExecutor::Create({1});
  InProcessTransport net_{executor_.get()};
  std::unique_ptr<FileLogStore> bank_log_, a_log_, b_log_;

 public:
  Rows a;
  Rows b;
  std::unique_ptr<Coordinator> bank;

 private:
  std::unique_ptr<Participant> a_role_, b_role_;
};

// --- A child that runs out of memory ----------------------------------------

constexpr int kOutOfMemory = 41;  // How it ends where nobody has caught it.
constexpr int kLived = 42;        // It came to its end; was there enough?

[[noreturn]] void Terminate() {
  const std::exception_ptr why = std::current_exception();
  try {
    if (why != nullptr) std::rethrow_exception(why);
  } catch (const std::bad_alloc&) {
    _exit(kOutOfMemory);
  }
  std::abort();
}

// On a thread of its own, so that no frame of the test's stands below it.
void* RunOnAThread(void* life) {
  (*static_cast<const std::function<void()>*>(life))();
  return nullptr;
}

// Runs `life` in a child whose n-th allocation fails. Returns false if it
// needs less.
bool DiesAtAllocation(int64_t n, const std::function<void()>& life) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    alarm(static_cast<unsigned>(absl::ToInt64Seconds(kPatience)));
    std::set_terminate(Terminate);
    allocations_left = n;
    pthread_t thread;
    if (pthread_create(&thread, nullptr, RunOnAThread,
                       const_cast<std::function<void()>*>(&life)) != 0) {
      std::abort();
    }
    pthread_join(thread, nullptr);
    _exit(allocations_left > 0 ? kLived : EXIT_FAILURE);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status))
      << "signal " << WTERMSIG(status) << "; of an alarm: it hung";
  const int code = WEXITSTATUS(status);
  EXPECT_NE(code, EXIT_FAILURE) << "it lived on without the memory";
  return code == kOutOfMemory;
}

// What a dead process wrote is there without a disk, too.
std::string WhereSyncsAreCheap() {
  return std::filesystem::exists("/dev/shm") ? "/dev/shm/" : testing::TempDir();
}

size_t deaths = 0;

// Calls `check` after each death of `life`, which happen at allocation `first`,
// and at every `stride`-th from there on, and once after it has come to its
// end. Each time both are given a copy of the directory `before`.
using Life = std::function<void(const std::string& directory)>;
int64_t ForEachDeath(const std::string& before, int64_t stride,
                     const Life& life, const Life& check) {
  for (int64_t n = 1;; n += stride) {
    SCOPED_TRACE("allocation " + std::to_string(n));
    const TempDir directory(WhereSyncsAreCheap());
    std::filesystem::copy(before, directory.path(),
                          std::filesystem::copy_options::recursive);
    const bool died = DiesAtAllocation(n, [&] { life(directory.path()); });
    check(directory.path());
    if (!died || testing::Test::HasFailure()) return n;
    ++deaths;
  }
}

int64_t Stride() {
  const char* const stride = std::getenv("TRIVET_ALLOCATION_STRIDE");
  return stride != nullptr ? std::stoll(stride) : 25;
}

// --- The tests --------------------------------------------------------------

class OutOfMemory : public testing::Test {
 protected:
  static void TearDownTestSuite() {
    std::printf("out of memory: %zu deaths\n", deaths);
  }

  const TempDir empty_{WhereSyncsAreCheap()};
};

// Some of everything, and what the world is told of it. Each life has work of
// its own.
void RunTransactions(const std::string& directory) {
  const size_t life = Lines::Of(directory + "/told").size();
  Lines told(directory + "/told");
  told.Add("life");
  Host host(directory);
  for (const std::string what : {"one", "two", "no", "three"}) {
    const std::string work = what + std::to_string(life);
    const auto decision = host.Run(work, what == "no" ? what : work);
    if (!decision.has_value()) std::abort();
    told.Add((*decision == Decision::kCommit ? "" : "abort ") + work);
  }
}

void ExpectNothingHalfDone(const std::string& directory) {
  Host host(directory);
  const auto at_a = host.a.AwaitCommitted();
  EXPECT_EQ(host.b.AwaitCommitted(), at_a) << "half done";
  for (const auto& [work, times] : at_a) {
    EXPECT_EQ(times, 1) << work;
    EXPECT_NE(work.substr(0, 2), "no");
  }
  for (const std::string& work : Lines::Of(directory + "/told")) {
    if (work == "life") continue;
    if (work.rfind("abort ", 0) == 0) {
      EXPECT_EQ(at_a.count(work.substr(6)), 0U) << work << ", it was said";
    } else {
      EXPECT_EQ(at_a.count(work), 1U) << work << " was committed, it was said";
    }
  }
  EXPECT_EQ(host.Run("after", "after"), Decision::kCommit);
}

TEST_F(OutOfMemory, EndsTheProcessAndLeavesNoTransactionHalfDone) {
  EXPECT_GT(
      ForEachDeath(empty_.path(), 1, RunTransactions, ExpectNothingHalfDone),
      1000);
}

TEST_F(OutOfMemory, DuringTheRecoveryIsNoWorse) {
  for (const int64_t first : {700, 800, 900, 1000, 1100}) {
    SCOPED_TRACE("after allocation " + std::to_string(first));
    const TempDir before(WhereSyncsAreCheap());
    ASSERT_TRUE(
        DiesAtAllocation(first, [&] { RunTransactions(before.path()); }));
    EXPECT_GT(ForEachDeath(before.path(), Stride(), RunTransactions,
                           ExpectNothingHalfDone),
              1000);
    if (HasFailure()) return;
  }
}

TEST_F(OutOfMemory, EndsTheProcessAndTakesNoFencingTokenBack) {
  const auto version_at = [](const std::string& directory) -> uint64_t {
    auto store = FileVersionedStore::Open(directory + "/leases");
    if (absl::IsNotFound(store.status())) {
      store = FileVersionedStore::Create(directory + "/leases");
    }
    EXPECT_TRUE(store.ok()) << store.status();
    Awaiter<absl::StatusOr<VersionedValue>> answer;
    (*store)->Get(internal::CasRegisterKey("jobs"), answer.Done());
    const VersionedValue found = *answer.Wait();
    EXPECT_TRUE(internal::DecodeCasRegister(found).ok());
    return found.version;
  };
  ForEachDeath(
      empty_.path(), 1,
      [](const std::string& directory) {
        Lines told(directory + "/told");
        auto store = *FileVersionedStore::Create(directory + "/leases");
        const auto executor = *ThreadExecutor::Create({1});
        CasLockBackend backend(executor.get(), store.get());
        const auto locks =
            *LockClient::Create(executor.get(), &backend, "me", {});
        for (int i = 0; i < 3; ++i) {
          auto lease = locks->Lock("jobs", absl::Seconds(30));
          if (!lease.ok()) std::abort();
          told.Add(std::to_string(lease->fencing_token().value));
          if (!lease->Release().ok()) std::abort();
        }
      },
      [&](const std::string& directory) {
        // The next token is larger than the version.
        const uint64_t version = version_at(directory);
        for (const std::string& token : Lines::Of(directory + "/told")) {
          EXPECT_LE(std::stoull(token), version);
        }
      });
}

}  // namespace
}  // namespace trivet
