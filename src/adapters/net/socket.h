// SPDX-License-Identifier: Apache-2.0
//
// Socket: a connection to a server that never blocks and raises no SIGPIPE.
//
// Thread safety: thread-compatible.

#ifndef TRIVET_SRC_ADAPTERS_NET_SOCKET_H_
#define TRIVET_SRC_ADAPTERS_NET_SOCKET_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

class Socket {
 public:
  Socket() = default;  // To nobody.
  ~Socket() { Close(); }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  // Begins to connect: to a host's name or address, of whose addresses the
  // first is taken that does not refuse at once, or to a socket in the file
  // system. Looking up a name blocks. kUnavailable: the system's reason.
  static absl::StatusOr<Socket> Dial(const std::string& host, int port);
  static absl::StatusOr<Socket> DialUnix(const std::string& path);

  int fd() const { return fd_; }

  // Whether the connection has come to be. Ask when it is writable for the
  // first time.
  absl::Status Connected() const;

  // How many bytes went, or came; 0: none just now. kUnavailable: the
  // connection is gone.
  absl::StatusOr<size_t> Write(std::string_view bytes);
  absl::StatusOr<size_t> Read(char* to, size_t size);

  void Close();

 private:
  explicit Socket(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_ADAPTERS_NET_SOCKET_H_
