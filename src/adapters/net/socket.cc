// SPDX-License-Identifier: Apache-2.0

#include "src/adapters/net/socket.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

absl::Status Failed(const char* what, int error) {
  return absl::UnavailableError(
      absl::StrCat(what, ": ", std::generic_category().message(error)));
}

// The socket's descriptor, connecting; or -1, and errno.
int Begin(int family, const sockaddr* address, socklen_t size) {
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  if (family != AF_UNIX) {
    const int on = 1;
    // Both are for speed and early news only.
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  }
  if (connect(fd, address, size) == 0 || errno == EINPROGRESS) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

bool IsForLater(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

}  // namespace

absl::StatusOr<Socket> Socket::Dial(const std::string& host, int port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int error =
      getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  if (error == EAI_SYSTEM) return Failed("cannot look up its name", errno);
  if (error != 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot look up its name: ", gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list,
                                                             freeaddrinfo);
  for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
    const int fd = Begin(at->ai_family, at->ai_addr, at->ai_addrlen);
    if (fd >= 0) return Socket(fd);
  }
  return Failed("cannot connect", errno);
}

absl::StatusOr<Socket> Socket::DialUnix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return absl::InvalidArgumentError(
        absl::StrCat("the path of a socket has ", path.size(),
                     " bytes; the limit is ", sizeof address.sun_path - 1));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = Begin(AF_UNIX, reinterpret_cast<const sockaddr*>(&address),
                       sizeof address);
  if (fd < 0) return Failed("cannot connect", errno);
  return Socket(fd);
}

absl::Status Socket::Connected() const {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  return error == 0 ? absl::OkStatus() : Failed("cannot connect", error);
}

absl::StatusOr<size_t> Socket::Write(std::string_view bytes) {
  const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent >= 0) return static_cast<size_t>(sent);
  if (IsForLater(errno)) return size_t{0};
  return Failed("cannot send", errno);
}

absl::StatusOr<size_t> Socket::Read(char* to, size_t size) {
  const ssize_t got = recv(fd_, to, size, 0);
  if (got > 0) return static_cast<size_t>(got);
  if (got == 0) return absl::UnavailableError("the server closed it");
  if (IsForLater(errno)) return size_t{0};
  return Failed("cannot receive", errno);
}

void Socket::Close() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
