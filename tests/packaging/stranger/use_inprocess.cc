// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "trivet/adapters/inprocess/inprocess_transport.h"

namespace {

// Runs a task at once, which no real executor may.
class RunAtOnce : public trivet::Executor {
 public:
  trivet::MonotonicTime Now() const override { return {}; }
  void Post(Task task) override { std::move(task)(); }
  void PostAt(trivet::MonotonicTime, Task) override {}
  bool MayBlock() const override { return false; }
};

}  // namespace

int main() {
  RunAtOnce executor;
  trivet::InProcessTransport transport(&executor);
  int received = 0;
  transport.Register("shop",
                     [&received](const trivet::Envelope&) { ++received; });
  transport.Send({"bank", "shop", "paid"});
  transport.Send({"bank", "nobody", "paid"});
  return received == 1 ? 0 : 1;
}
