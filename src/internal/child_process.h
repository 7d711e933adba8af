// SPDX-License-Identifier: Apache-2.0
//
// ChildProcesses: functions that run beside each other, each in a process of
// its own, and tell their parent what they come to. Whatever one does, it can
// end only itself; and none lasts longer than it is given. A child ends when
// its process does, whoever else has its descriptors by then.
//
// Thread safety: none; to be used by a program with one thread.

#ifndef TRIVET_SRC_INTERNAL_CHILD_PROCESS_H_
#define TRIVET_SRC_INTERNAL_CHILD_PROCESS_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class TRIVET_EXPORT ChildProcesses {
 public:
  // A child's line to its parent. Nothing else is on it, whatever the child
  // prints.
  struct Notes;
  class TRIVET_EXPORT Parent {
   public:
    Parent(int pipe, Notes* notes) : pipe_(pipe), notes_(notes) {}

    // Any bytes. They arrive even if the child dies right after this.
    void Tell(std::string_view message) const;

    // What the parent is to know if the child ends now. Costs no system call.
    // Behind a megabyte no more is noted, until ForgetNotes.
    void Note(std::string_view message) const;
    void ForgetNotes() const;

   private:
    int pipe_;
    Notes* notes_;
  };

  // A child has told something, or it has ended.
  struct News {
    uint64_t key = 0;
    std::optional<std::string> told;

    // If it has ended. What it had noted; what it printed on stderr, of very
    // much the end; and "signal 6", "exit status 1", or empty: it came to its
    // end.
    std::vector<std::string> notes;
    std::string said;
    std::string died;
    bool late = false;  // It was killed: its time was over.
  };

  // Each child has `limit` from its start, and from each GiveTime(): of the
  // time that this process listens, so that none is late because both were
  // stopped.
  explicit ChildProcesses(absl::Duration limit);
  ChildProcesses(const ChildProcesses&) = delete;
  ChildProcesses& operator=(const ChildProcesses&) = delete;
  ~ChildProcesses();  // Kills those that still run.

  size_t running() const { return children_.size(); }

  // Runs `work` in a child, which does not outlive this process.
  absl::Status Start(uint64_t key,
                     absl::FunctionRef<void(const Parent& parent)> work);

  // The limit begins anew. REQUIRES: the child runs.
  void GiveTime(uint64_t key);

  // Waits for news. What a child tells comes in order, its end last.
  // REQUIRES: running() > 0.
  News Await();

  // Kills those with a key above `key`; they end unheard.
  void KillAbove(uint64_t key);

 private:
  struct Unmap {
    void operator()(Notes* notes) const;
  };
  struct Child {
    uint64_t key;
    pid_t pid;
    int messages;  // Pipes from it; -1 once they have ended.
    int errors;
    absl::Duration deadline;
    std::unique_ptr<Notes, Unmap> notes;
    std::string told;       // Messages, each behind its size;
    size_t understood = 0;  // so much of it has been taken.
    std::string said;
    bool said_more = false;     // Before that.
    std::optional<int> status;  // Of its process, once that has ended.
  };
  static std::optional<std::string> TakeMessage(Child* child);
  static void Read(Child* child);
  static int Kill(Child* child);
  std::optional<News> TakeNews();
  News End(size_t i, bool late);
  void Listen();

  const absl::Duration limit_;
  absl::Duration listened_ = absl::ZeroDuration();  // The clock of deadlines.
  absl::Duration last_look_;                        // Of the machine's clock.
  std::vector<Child> children_;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_INTERNAL_CHILD_PROCESS_H_
