// SPDX-License-Identifier: Apache-2.0
//
// The shop as a program of its own, to be read line by line and to be killed.

#ifndef TRIVET_TESTS_SHOP_SHOP_PROCESS_H_
#define TRIVET_TESTS_SHOP_SHOP_PROCESS_H_

#include <sys/types.h>

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

namespace shop {

class ShopProcess {
 public:
  // Starts the program; its stderr joins its stdout.
  explicit ShopProcess(const std::vector<std::string>& args);
  ~ShopProcess();  // Kills it, if it runs.
  ShopProcess(const ShopProcess&) = delete;
  ShopProcess& operator=(const ShopProcess&) = delete;

  // The next line without its end; nullopt: there is none any more.
  std::optional<std::string> ReadLine();

  // SIGKILL. What it had printed can still be read.
  void Kill();

  // Waits for its end. Its exit code, or minus the signal.
  int Wait();

  struct Result {
    int code = 0;
    std::string output;
    std::string last_line;
  };
  // Runs the program to its end.
  static Result Run(const std::vector<std::string>& args);

 private:
  pid_t pid_ = -1;
  std::FILE* out_ = nullptr;
};

// The first `count` orders of the shipped file, written to `path`.
void WriteOrders(const std::string& path, int count);

}  // namespace shop

#endif  // TRIVET_TESTS_SHOP_SHOP_PROCESS_H_
