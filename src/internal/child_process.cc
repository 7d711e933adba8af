// SPDX-License-Identifier: Apache-2.0

#include "src/internal/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "src/internal/bytes.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

// Since the machine started; while it is suspended no child's time runs.
absl::Duration Now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return absl::DurationFromTimespec(now);
}

// Of a process that somebody else has waited for: nobody knows how it ended.
constexpr int kUnknown = -1;

// How a process ended; with WNOHANG none if it has not.
std::optional<int> StatusOf(pid_t pid, int options) {
  int status = 0;
  while (true) {
    const pid_t ended = waitpid(pid, &status, options);
    if (ended == pid) return status;
    if (ended == 0) return std::nullopt;
    if (errno != EINTR) return kUnknown;
  }
}

std::string HowItDied(int status) {
  if (status == kUnknown) return "nobody knows how";
  if (WIFSIGNALED(status)) return absl::StrCat("signal ", WTERMSIG(status));
  if (WEXITSTATUS(status) == EXIT_SUCCESS) return "";
  return absl::StrCat("exit status ", WEXITSTATUS(status));
}

void Close(int* pipe) {
  if (*pipe >= 0) close(*pipe);
  *pipe = -1;
}

// A message behind its size, as it travels.
std::string Framed(std::string_view message) {
  std::string bytes;
  ByteWriter writer(&bytes);
  writer.U64(message.size());
  writer.Raw(message);
  return bytes;
}

// The first message, which is taken off; none: it is not there as a whole.
std::optional<std::string> TakeFramed(std::string_view* bytes) {
  ByteReader reader(*bytes);
  const uint64_t size = reader.U64();
  if (!reader.ok() || reader.remaining() < size) return std::nullopt;
  std::string message(reader.Raw(size));
  bytes->remove_prefix(bytes->size() - reader.remaining());
  return message;
}

// What is there, into `bytes`. At its end the pipe is closed. Whether there may
// be more. REQUIRES: reading does not block.
bool ReadSome(int* pipe, std::string* bytes) {
  if (*pipe < 0) return false;
  std::array<char, size_t{1} << 16> buffer;
  const ssize_t got = read(*pipe, buffer.data(), buffer.size());
  if (got > 0) bytes->append(buffer.data(), static_cast<size_t>(got));
  if (got > 0 || (got < 0 && errno == EINTR)) return true;
  if (got == 0 || errno != EAGAIN) Close(pipe);
  return false;
}

// In the child.
[[noreturn]] void Work(
    pid_t parent, int messages, int errors, ChildProcesses::Notes* notes,
    absl::FunctionRef<void(const ChildProcesses::Parent&)> work) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(EXIT_FAILURE);  // It was too late for that.
  // Whatever was closed when the program began: it is none of the first three.
  const int line = fcntl(messages, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  close(messages);
  if (errors != STDERR_FILENO) {
    dup2(errors, STDERR_FILENO);
    close(errors);
  }
  // An exception ends the child here: what is above belongs to its parent.
  [&]() noexcept { work(ChildProcesses::Parent(line, notes)); }();
  // With all that a program does at its end: coverage and leaks count.
  std::exit(EXIT_SUCCESS);  // NOLINT(concurrency-mt-unsafe): one thread
}

}  // namespace

// Memory that a child shares with its parent, and that outlives it. A child
// that writes where it must not may write here too.
struct ChildProcesses::Notes {
  std::atomic<size_t> used;  // After the bytes: it may end in between.
  std::atomic<bool> full;    // What is noted is the beginning of all.
  std::array<char, size_t{1} << 20> bytes;
};

void ChildProcesses::Unmap::operator()(Notes* notes) const {
  munmap(notes, sizeof(*notes));
}

void ChildProcesses::Parent::Tell(std::string_view message) const {
  const std::string bytes = Framed(message);
  std::string_view left = bytes;
  while (!left.empty()) {
    const ssize_t wrote = write(pipe_, left.data(), left.size());
    if (wrote < 0 && errno != EINTR) return;  // Its end will come too soon.
    if (wrote > 0) left.remove_prefix(static_cast<size_t>(wrote));
  }
}

void ChildProcesses::Parent::Note(std::string_view message) const {
  const std::string bytes = Framed(message);
  const size_t used = notes_->used.load(std::memory_order_relaxed);
  if (notes_->full || used > notes_->bytes.size() ||
      bytes.size() > notes_->bytes.size() - used) {
    notes_->full = true;
    return;
  }
  std::copy(bytes.begin(), bytes.end(), notes_->bytes.data() + used);
  notes_->used.store(used + bytes.size(), std::memory_order_release);
}

void ChildProcesses::Parent::ForgetNotes() const {
  notes_->full = false;
  notes_->used.store(0, std::memory_order_release);
}

ChildProcesses::ChildProcesses(absl::Duration limit)
    : limit_(limit), last_look_(Now()) {
  // A program may have been started with SIGCHLD ignored: then the kernel
  // forgets how its children end.
  struct sigaction now {};
  if (sigaction(SIGCHLD, nullptr, &now) == 0 && now.sa_handler == SIG_IGN) {
    now.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &now, nullptr);
  }
}

ChildProcesses::~ChildProcesses() {
  for (Child& child : children_) Kill(&child);
}

absl::Status ChildProcesses::Start(
    uint64_t key, absl::FunctionRef<void(const Parent& parent)> work) {
  void* const shared = mmap(nullptr, sizeof(Notes), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) {
    return absl::ErrnoToStatus(errno, "cannot share memory with a child");
  }
  std::unique_ptr<Notes, Unmap> notes(static_cast<Notes*>(shared));
  notes->used = 0;
  notes->full = false;
  std::array<int, 2> messages = {-1, -1};
  std::array<int, 2> errors = {-1, -1};
  if (pipe2(messages.data(), O_CLOEXEC) != 0 ||
      pipe2(errors.data(), O_CLOEXEC) != 0) {
    const int error = errno;
    for (int& end : messages) Close(&end);
    return absl::ErrnoToStatus(error, "cannot make a pipe to a child process");
  }
  std::fflush(nullptr);  // Or the child says it once more.
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) {
    close(messages[0]);
    if (errors[0] != STDERR_FILENO) close(errors[0]);
    Work(parent, messages[1], errors[1], notes.get(), work);
  }
  const int error = errno;
  Close(&messages[1]);
  Close(&errors[1]);
  if (pid < 0) {
    Close(&messages[0]);
    Close(&errors[0]);
    return absl::ErrnoToStatus(error, "cannot start a child process");
  }
  for (const int pipe : {messages[0], errors[0]}) {
    fcntl(pipe, F_SETFL, O_NONBLOCK);
  }
  children_.push_back({key, pid, messages[0], errors[0], listened_ + limit_,
                       std::move(notes), "", 0, "", false, std::nullopt});
  return absl::OkStatus();
}

void ChildProcesses::GiveTime(uint64_t key) {
  for (Child& child : children_) {
    if (child.key == key) child.deadline = listened_ + limit_;
  }
}

ChildProcesses::News ChildProcesses::Await() {
  while (true) {
    if (std::optional<News> news = TakeNews()) return *std::move(news);
    Listen();
  }
}

std::optional<ChildProcesses::News> ChildProcesses::TakeNews() {
  for (size_t i = 0; i < children_.size(); ++i) {
    Child& child = children_[i];
    if (std::optional<std::string> message = TakeMessage(&child)) {
      News news;
      news.key = child.key;
      news.told = std::move(message);
      return news;
    }
    if (child.status.has_value()) return End(i, /*late=*/false);
    if (child.deadline <= listened_) return End(i, /*late=*/true);
  }
  return std::nullopt;
}

std::optional<std::string> ChildProcesses::TakeMessage(Child* child) {
  std::string_view left = child->told;
  left.remove_prefix(child->understood);
  std::optional<std::string> message = TakeFramed(&left);
  child->understood = child->told.size() - left.size();
  if (!message.has_value()) {
    child->told.erase(0, child->understood);
    child->understood = 0;
  }
  return message;
}

ChildProcesses::News ChildProcesses::End(size_t i, bool late) {
  Child child = std::move(children_[i]);
  children_.erase(children_.begin() + static_cast<ptrdiff_t>(i));
  News news;
  news.key = child.key;
  if (child.said_more) news.said = "[...]";
  news.said += child.said;
  news.died = HowItDied(Kill(&child));
  news.late = late;
  const size_t used = child.notes->used.load(std::memory_order_acquire);
  std::string_view notes(child.notes->bytes.data(),
                         std::min(used, child.notes->bytes.size()));
  while (std::optional<std::string> note = TakeFramed(&notes)) {
    news.notes.push_back(*std::move(note));
  }
  return news;
}

// All that is there; from one who never stops, much of it.
void ChildProcesses::Read(Child* child) {
  constexpr int kRoundsMax = 64;
  constexpr size_t kSaidMax = size_t{1} << 20;
  for (int i = 0; i < kRoundsMax; ++i) {
    const bool more_told = ReadSome(&child->messages, &child->told);
    const bool more_said = ReadSome(&child->errors, &child->said);
    if (!more_told && !more_said) return;
    if (child->said.size() > 2 * kSaidMax) {
      child->said.erase(0, child->said.size() - kSaidMax);
      child->said_more = true;
    }
  }
}

// Until a child says something, has ended, or has run out of time.
void ChildProcesses::Listen() {
  // <poll.h> it is, wherever a C library keeps it:
  // NOLINTBEGIN(misc-include-cleaner)
  std::vector<pollfd> waiting;
  waiting.reserve(2 * children_.size());
  // A child whose pipes others keep open is looked after now and then; one that
  // has closed them is ending.
  absl::Duration wait = absl::Milliseconds(100);
  for (const Child& child : children_) {
    waiting.push_back({child.messages, POLLIN, 0});  // -1 is passed over.
    waiting.push_back({child.errors, POLLIN, 0});
    wait = std::min(wait, child.deadline - listened_);
    if (child.messages < 0) wait = std::min(wait, absl::Microseconds(200));
  }
  const timespec time = absl::ToTimespec(wait);
  ppoll(waiting.data(), waiting.size(), &time, nullptr);
  // NOLINTEND(misc-include-cleaner)
  // Who was away for longer was stopped, or could not write: so were they.
  const absl::Duration now = Now();
  listened_ += std::min(now - last_look_, absl::Milliseconds(250));
  last_look_ = now;
  for (Child& child : children_) {
    child.status = StatusOf(child.pid, WNOHANG);
    Read(&child);  // After that: then it is all.
  }
}

void ChildProcesses::KillAbove(uint64_t key) {
  const auto first =
      std::partition(children_.begin(), children_.end(),
                     [key](const Child& child) { return child.key <= key; });
  for (auto child = first; child != children_.end(); ++child) Kill(&*child);
  children_.erase(first, children_.end());
}

// Unless it has ended: then its number may be another's. How it ended.
int ChildProcesses::Kill(Child* child) {
  Close(&child->messages);
  Close(&child->errors);
  if (!child->status.has_value()) {
    kill(child->pid, SIGKILL);
    child->status = StatusOf(child->pid, /*options=*/0);
  }
  return child->status.value_or(kUnknown);
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
