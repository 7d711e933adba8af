// SPDX-License-Identifier: Apache-2.0
//
// StreamTransport: a host's own Transport, over one connected stream socket.
//
//   frame   u32 size of from | u32 size of to | u32 size of payload    in
//           from | to | payload                                   little-endian
//
// trivet asks little of a transport. It may lose envelopes, so a full queue
// drops them and a broken connection drops them all. It must return from Send
// at once, so a thread of its own does the writing. And it must not alter an
// envelope, which a stream socket sees to.

#ifndef TRIVET_EXAMPLES_OWN_TRANSPORT_STREAM_TRANSPORT_H_
#define TRIVET_EXAMPLES_OWN_TRANSPORT_STREAM_TRANSPORT_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "trivet/host/transport.h"

class StreamTransport final : public trivet::Transport {
 public:
  using Receiver = std::function<void(trivet::Envelope)>;

  // Takes over `socket`, a connected stream socket.
  explicit StreamTransport(int socket);
  ~StreamTransport() override;

  // Brings what arrives for a role to its receiver, on the reading thread. Call
  // it before Start().
  void Serve(std::string role, Receiver receiver);
  void Start();

  // Breaks the connection and waits for both threads: from then on no receiver
  // runs, and what is sent is lost.
  void Stop();

  // Waits until the other side has broken the connection.
  void WaitForEnd();

  void Send(trivet::Envelope envelope) override;

 private:
  // What the writer has not written yet; more is dropped.
  static constexpr size_t kQueuedBytesMax = size_t{16} << 20;

  void Write();
  void Read();
  std::optional<trivet::Envelope> ReadEnvelope();
  bool HasWorkOrEnded() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return ended_ || !queue_.empty();
  }

  const int socket_;
  std::map<std::string, Receiver> receivers_;
  std::thread writer_;
  std::thread reader_;

  absl::Mutex mu_;
  std::deque<std::string> queue_ ABSL_GUARDED_BY(mu_);
  size_t queued_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
};

#endif  // TRIVET_EXAMPLES_OWN_TRANSPORT_STREAM_TRANSPORT_H_
