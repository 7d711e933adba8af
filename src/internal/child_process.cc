// SPDX-License-Identifier: Apache-2.0

#include "src/internal/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

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

}  // namespace

ChildProcesses::~ChildProcesses() {
  for (const Child& child : children_) Kill(child);
}

absl::Status ChildProcesses::Start(uint64_t key,
                                   absl::FunctionRef<void()> work) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return absl::ErrnoToStatus(errno, "cannot make a pipe to a child process");
  }
  std::fflush(nullptr);  // Or the child says it once more.
  const pid_t pid = fork();
  if (pid < 0) {
    const int error = errno;
    close(ends[0]);
    close(ends[1]);
    return absl::ErrnoToStatus(error, "cannot start a child process");
  }
  if (pid == 0) {
    dup2(ends[1], STDERR_FILENO);
    for (const int end : ends) {
      if (end != STDERR_FILENO) close(end);  // It was closed: it is one now.
    }
    // An exception ends the child here: what is above belongs to its parent.
    [&]() noexcept { work(); }();
    // With all that a program does at its end: coverage and leaks count.
    std::exit(EXIT_SUCCESS);  // NOLINT(concurrency-mt-unsafe): one thread
  }
  close(ends[1]);
  children_.push_back({key, pid, ends[0], ""});
  return absl::OkStatus();
}

ChildProcesses::Ended ChildProcesses::AwaitOne() {
  while (true) {
    // <poll.h> it is, wherever a C library keeps it:
    // NOLINTBEGIN(misc-include-cleaner)
    std::vector<pollfd> waiting;
    waiting.reserve(children_.size());
    for (const Child& child : children_) {
      waiting.push_back({child.out, POLLIN, 0});
    }
    poll(waiting.data(), waiting.size(), -1);
    // NOLINTEND(misc-include-cleaner)
    for (size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i].revents == 0) continue;
      std::array<char, 4096> buffer{};
      const ssize_t got = read(waiting[i].fd, buffer.data(), buffer.size());
      if (got > 0) {
        children_[i].said.append(buffer.data(), static_cast<size_t>(got));
      } else if (got == 0 || errno != EINTR) {
        Child child = std::move(children_[i]);
        children_.erase(children_.begin() + static_cast<ptrdiff_t>(i));
        close(child.out);
        return {child.key, std::move(child.said), HowItDied(Await(child.pid))};
      }
    }
  }
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
  close(child.out);
  Await(child.pid);
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
