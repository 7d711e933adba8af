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
#include <cerrno>
#include <climits>
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

int Await(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

std::string HowItDied(int status) {
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

// What is there, into `bytes`. At its end the pipe is closed.
void ReadSome(int* pipe, std::string* bytes) {
  std::array<char, size_t{1} << 16> buffer;
  const ssize_t got = read(*pipe, buffer.data(), buffer.size());
  if (got > 0) bytes->append(buffer.data(), static_cast<size_t>(got));
  if (got == 0 || (got < 0 && errno != EINTR)) Close(pipe);
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

// Memory that a child shares with its parent, and that outlives it.
struct ChildProcesses::Notes {
  size_t used;
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
  if (bytes.size() > notes_->bytes.size() - notes_->used) return;
  std::copy(bytes.begin(), bytes.end(), notes_->bytes.data() + notes_->used);
  notes_->used += bytes.size();
}

void ChildProcesses::Parent::ForgetNotes() const { notes_->used = 0; }

ChildProcesses::~ChildProcesses() {
  for (const Child& child : children_) Kill(child);
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
  children_.push_back({key, pid, messages[0], errors[0], Now() + limit_,
                       std::move(notes), "", 0, ""});
  return absl::OkStatus();
}

void ChildProcesses::GiveTime(uint64_t key) {
  for (Child& child : children_) {
    if (child.key == key) child.deadline = Now() + limit_;
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
    if (child.messages < 0 && child.errors < 0) return End(i, /*late=*/false);
    if (child.deadline <= heard_until_) return End(i, /*late=*/true);
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
  if (late) kill(child.pid, SIGKILL);
  Close(&child.messages);
  Close(&child.errors);
  News news;
  news.key = child.key;
  news.said = std::move(child.said);
  news.died = HowItDied(internal::Await(child.pid));
  news.late = late;
  std::string_view notes(child.notes->bytes.data(), child.notes->used);
  while (std::optional<std::string> note = TakeFramed(&notes)) {
    news.notes.push_back(*std::move(note));
  }
  return news;
}

// Until a child says something, or one's time is over.
void ChildProcesses::Listen() {
  const absl::Duration now = Now();
  // <poll.h> it is, wherever a C library keeps it:
  // NOLINTBEGIN(misc-include-cleaner)
  std::vector<pollfd> waiting;
  waiting.reserve(2 * children_.size());
  absl::Duration first = absl::InfiniteDuration();
  for (const Child& child : children_) {
    waiting.push_back({child.messages, POLLIN, 0});  // -1 is passed over.
    waiting.push_back({child.errors, POLLIN, 0});
    first = std::min(first, child.deadline);
  }
  int64_t wait = -1;
  if (first != absl::InfiniteDuration()) {
    wait = absl::ToInt64Milliseconds(
        absl::Ceil(first - now, absl::Milliseconds(1)));
    wait = std::clamp<int64_t>(wait, 0, INT_MAX);
  }
  poll(waiting.data(), waiting.size(), static_cast<int>(wait));
  // NOLINTEND(misc-include-cleaner)
  for (size_t i = 0; i < children_.size(); ++i) {
    Child& child = children_[i];
    if (waiting[2 * i].revents != 0) ReadSome(&child.messages, &child.told);
    if (waiting[2 * i + 1].revents != 0) ReadSome(&child.errors, &child.said);
  }
  heard_until_ = now;
}

void ChildProcesses::KillAbove(uint64_t key) {
  const auto first =
      std::partition(children_.begin(), children_.end(),
                     [key](const Child& child) { return child.key <= key; });
  for (auto child = first; child != children_.end(); ++child) Kill(*child);
  children_.erase(first, children_.end());
}

void ChildProcesses::Kill(const Child& child) {
  kill(child.pid, SIGKILL);
  for (int pipe : {child.messages, child.errors}) Close(&pipe);
  internal::Await(child.pid);
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
