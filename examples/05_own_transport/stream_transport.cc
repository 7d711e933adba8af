// SPDX-License-Identifier: Apache-2.0

#include "stream_transport.h"

#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "trivet/host/transport.h"

namespace {

constexpr size_t kNameBytesMax = 512;
constexpr size_t kPayloadBytesMax = size_t{2} << 20;

void AppendSize(size_t size, std::string* out) {
  for (int shift = 0; shift < 32; shift += 8) {
    out->push_back(static_cast<char>(size >> shift & 0xFF));
  }
}

size_t ReadSize(const char* bytes) {
  size_t size = 0;
  for (int i = 3; i >= 0; --i) {
    size = size << 8 | static_cast<uint8_t>(bytes[i]);
  }
  return size;
}

std::string Encode(const trivet::Envelope& envelope) {
  std::string frame;
  frame.reserve(12 + envelope.from.size() + envelope.to.size() +
                envelope.payload.size());
  AppendSize(envelope.from.size(), &frame);
  AppendSize(envelope.to.size(), &frame);
  AppendSize(envelope.payload.size(), &frame);
  return frame + envelope.from + envelope.to + envelope.payload;
}

bool WriteAll(int socket, const std::string& bytes) {
  size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t n = send(socket, bytes.data() + written,
                           bytes.size() - written, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    written += static_cast<size_t>(n);
  }
  return true;
}

bool ReadAll(int socket, char* bytes, size_t size) {
  size_t filled = 0;
  while (filled < size) {
    const ssize_t n = recv(socket, bytes + filled, size - filled, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    filled += static_cast<size_t>(n);
  }
  return true;
}

}  // namespace

StreamTransport::StreamTransport(int socket) : socket_(socket) {}

StreamTransport::~StreamTransport() {
  Stop();
  close(socket_);
}

void StreamTransport::Serve(std::string role, Receiver receiver) {
  receivers_[std::move(role)] = std::move(receiver);
}

void StreamTransport::Start() {
  writer_ = std::thread([this] { Write(); });
  reader_ = std::thread([this] { Read(); });
}

void StreamTransport::Stop() {
  shutdown(socket_, SHUT_RDWR);  // Ends both threads' waiting.
  {
    absl::MutexLock lock(&mu_);
    ended_ = true;
  }
  if (writer_.joinable()) writer_.join();
  if (reader_.joinable()) reader_.join();
}

void StreamTransport::WaitForEnd() {
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(&ended_));
}

void StreamTransport::Send(trivet::Envelope envelope) {
  std::string frame = Encode(envelope);
  absl::MutexLock lock(&mu_);
  if (ended_ || queued_bytes_ + frame.size() > kQueuedBytesMax) return;
  queued_bytes_ += frame.size();
  queue_.push_back(std::move(frame));
}

void StreamTransport::Write() {
  while (true) {
    std::string frame;
    {
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(this, &StreamTransport::HasWorkOrEnded));
      if (ended_) return;
      frame = std::move(queue_.front());
      queue_.pop_front();
      queued_bytes_ -= frame.size();
    }
    if (!WriteAll(socket_, frame)) return;
  }
}

void StreamTransport::Read() {
  while (std::optional<trivet::Envelope> envelope = ReadEnvelope()) {
    const auto receiver = receivers_.find(envelope->to);
    if (receiver != receivers_.end()) {
      receiver->second(*std::move(envelope));
    }
  }
  absl::MutexLock lock(&mu_);
  ended_ = true;
}

// nullopt: the connection has ended, or its bytes make no sense.
std::optional<trivet::Envelope> StreamTransport::ReadEnvelope() {
  char head[12];
  if (!ReadAll(socket_, head, sizeof(head))) return std::nullopt;
  const size_t from_size = ReadSize(head);
  const size_t to_size = ReadSize(head + 4);
  const size_t payload_size = ReadSize(head + 8);
  if (from_size > kNameBytesMax || to_size > kNameBytesMax ||
      payload_size > kPayloadBytesMax) {
    return std::nullopt;  // Looked at before memory is taken for it.
  }
  trivet::Envelope envelope;
  envelope.from.resize(from_size);
  envelope.to.resize(to_size);
  envelope.payload.resize(payload_size);
  if (!ReadAll(socket_, envelope.from.data(), from_size) ||
      !ReadAll(socket_, envelope.to.data(), to_size) ||
      !ReadAll(socket_, envelope.payload.data(), payload_size)) {
    return std::nullopt;
  }
  return envelope;
}
