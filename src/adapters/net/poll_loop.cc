// SPDX-License-Identifier: Apache-2.0

#include "src/adapters/net/poll_loop.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "src/internal/invariant.h"
#include "trivet/host/monotonic_time.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

absl::Status NoMore(const char* what, int error) {
  return absl::ResourceExhaustedError(absl::StrCat(
      "no ", what, " for a client: ", std::generic_category().message(error)));
}

// Waits until something happens or `until` has come.
void Poll(std::vector<pollfd>* fds, MonotonicTime until) {
  timespec timeout{};
  const bool ends = until < MonotonicTime::InfiniteFuture();
  if (ends) {
    timeout = absl::ToTimespec(
        std::max(until - PollLoop::Now(), absl::ZeroDuration()));
  }
  const int ready =
      ppoll(fds->data(), fds->size(), ends ? &timeout : nullptr, nullptr);
  if (ready >= 0) return;
  // A signal was handled, or the kernel has no memory: nothing has happened.
  for (pollfd& fd : *fds) fd.revents = 0;
}

}  // namespace

MonotonicTime PollLoop::Now() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return MonotonicTime::FromOrigin(absl::DurationFromTimespec(now));
}

PollLoop::PollLoop(std::vector<Client*> clients)
    : clients_(std::move(clients)) {}

absl::StatusOr<std::unique_ptr<PollLoop>> PollLoop::Start(
    std::vector<Client*> clients) {
  std::unique_ptr<PollLoop> loop(new PollLoop(std::move(clients)));
  absl::Status started = loop->Start();
  if (!started.ok()) return started;
  return loop;
}

// By pthread_create, because std::thread reports failure by an exception.
absl::Status PollLoop::Start() {
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_ < 0) return NoMore("descriptor", errno);
  const auto run = [](void* self) -> void* {
    static_cast<PollLoop*>(self)->Run();
    return nullptr;
  };
  const int error = pthread_create(&thread_, nullptr, run, this);
  if (error != 0) return NoMore("thread", error);
  runs_ = true;
  return absl::OkStatus();
}

PollLoop::~PollLoop() {
  if (runs_) {
    TRIVET_INVARIANT(!OnOwnThread(),
                     "REQUIRES: not destroyed by one of its own callbacks");
    stopping_ = true;
    Wake();
    pthread_join(thread_, nullptr);
  }
  if (wake_ >= 0) close(wake_);
}

void PollLoop::Wake() {
  const uint64_t one = 1;
  // Cannot fail but when it is full, and then the loop is awake.
  [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof one);
}

void PollLoop::Run() {
  std::vector<pollfd> fds;
  std::vector<MonotonicTime> untils;
  while (!stopping_) {
    fds.assign(1, {wake_, POLLIN, 0});
    untils.clear();
    for (Client* const client : clients_) {
      const Wait wait = client->Next();
      fds.push_back({wait.fd, wait.events, 0});
      untils.push_back(wait.until);
    }
    Poll(&fds, *std::min_element(untils.begin(), untils.end()));
    if (fds[0].revents != 0) {
      uint64_t times = 0;
      [[maybe_unused]] const ssize_t got = read(wake_, &times, sizeof times);
    }
    const MonotonicTime now = Now();
    for (size_t i = 0; i < clients_.size() && !stopping_; ++i) {
      const int events = fds[i + 1].revents;
      if (events != 0 || untils[i] <= now) clients_[i]->Ready(events);
    }
  }
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
