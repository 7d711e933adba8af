// SPDX-License-Identifier: Apache-2.0

#include "tests/shop/shop_process.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <utility>

#include "gtest/gtest.h"

namespace shop {

ShopProcess::ShopProcess(const std::vector<std::string>& args) {
  std::vector<std::string> words = {SHOP_PROGRAM};
  words.insert(words.end(), args.begin(), args.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  pid_ = fork();
  EXPECT_GE(pid_, 0);
  if (pid_ == 0) {
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    execv(argv[0], argv.data());
    _exit(127);
  }
  close(ends[1]);
  out_ = fdopen(ends[0], "r");
}

ShopProcess::~ShopProcess() {
  Kill();
  Wait();
  std::fclose(out_);
}

std::optional<std::string> ShopProcess::ReadLine() {
  std::string line;
  int c = 0;
  while ((c = std::fgetc(out_)) != EOF) {
    if (c == '\n') return line;
    line.push_back(static_cast<char>(c));
  }
  if (line.empty()) return std::nullopt;
  return line;
}

void ShopProcess::Kill() {
  if (pid_ > 0) kill(pid_, SIGKILL);
}

int ShopProcess::Wait() {
  if (pid_ <= 0) return 0;
  int status = 0;
  EXPECT_EQ(waitpid(std::exchange(pid_, -1), &status, 0) > 0, true);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

ShopProcess::Result ShopProcess::Run(const std::vector<std::string>& args) {
  ShopProcess process(args);
  Result result;
  while (std::optional<std::string> line = process.ReadLine()) {
    result.last_line = *line;
    result.output += *line + "\n";
  }
  result.code = process.Wait();
  return result;
}

void WriteOrders(const std::string& path, int count) {
  std::ifstream in(SHOP_ORDERS);
  std::ofstream out(path);
  std::string line;
  for (int i = 0; i <= count && std::getline(in, line); ++i)
    out << line << "\n";
  EXPECT_TRUE(out.good()) << path;
}

}  // namespace shop
