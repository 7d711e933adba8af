// SPDX-License-Identifier: Apache-2.0

#include "tests/servers/redis_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace trivet {
namespace {

constexpr char kProgram[] = TRIVET_SERVERS "/usr/bin/redis-server";

// One that nobody has at this moment.
int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  close(fd);
  return ntohs(address.sin_port);
}

}  // namespace

RedisServer::RedisServer(std::vector<std::string> arguments)
    : arguments_(std::move(arguments)) {
  Start();
}

RedisServer::~RedisServer() { Kill(); }

void RedisServer::Start() {
  const bool has_port = port_ != 0;
  // Somebody else may be faster at a port that was free.
  for (int tries = 0; tries < 10; ++tries) {
    if (!has_port) port_ = FreePort();
    if (TryToStart()) return;
  }
  FAIL() << kProgram << " does not start: " << said_;
}

bool RedisServer::TryToStart() {
  std::vector<std::string> words = {
      kProgram, "--bind",       "127.0.0.1", "--port", std::to_string(port_),
      "--dir",  folder_.path(), "--save",    "",       "--daemonize",
      "no"};
  words.insert(words.end(), arguments_.begin(), arguments_.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int pipe_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) return false;
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(pipe_ends[1], STDOUT_FILENO);
    dup2(pipe_ends[1], STDERR_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }
  close(pipe_ends[1]);
  says_ = pipe_ends[0];
  said_.clear();
  char buffer[4096];
  while (said_.find("Ready to accept connections") == said_.npos) {
    const ssize_t got = read(says_, buffer, sizeof buffer);
    if (got <= 0) {
      Kill();
      return false;
    }
    said_.append(buffer, static_cast<size_t>(got));
  }
  return true;
}

void RedisServer::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = 0;
  close(says_);
}

void RedisServer::Pause() {
  kill(pid_, SIGSTOP);
  int status = 0;
  EXPECT_EQ(waitpid(pid_, &status, WUNTRACED), pid_);
}

void RedisServer::Continue() { kill(pid_, SIGCONT); }

void RedisServer::LoseData() {
  for (const auto& entry :
       std::filesystem::directory_iterator(folder_.path())) {
    std::filesystem::remove_all(entry.path());
  }
}

}  // namespace trivet
