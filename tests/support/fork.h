// SPDX-License-Identifier: Apache-2.0
//
// A part of a test that runs in a forked child.

#ifndef TRIVET_TESTS_SUPPORT_FORK_H_
#define TRIVET_TESTS_SUPPORT_FORK_H_

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/functional/function_ref.h"

// There in a build that counts which lines ran.
extern "C" int __llvm_profile_write_file(void) __attribute__((weak));

namespace trivet {

// Ends the child at once, without what a program does at its end; what it ran
// counts all the same.
[[noreturn]] inline void ExitChild(int status) {
  if (__llvm_profile_write_file != nullptr) __llvm_profile_write_file();
  _exit(status);
}

// Runs `check` in a forked child: whether it returned true there.
inline bool InChild(absl::FunctionRef<bool()> check) {
  const pid_t child = fork();
  if (child == 0) ExitChild(check() ? 0 : 1);
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child &&
         WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace trivet

#endif  // TRIVET_TESTS_SUPPORT_FORK_H_
