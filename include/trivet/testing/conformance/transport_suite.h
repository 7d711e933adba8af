// SPDX-License-Identifier: Apache-2.0
//
// TransportSuite: the contract of host/transport.h, line by line.
//
//   Send: one attempt    CarriesToTheRole, CarriesManyAtOnce
//   Returns at once      SendNeverRunsAReceiver,
//                        SendDoesNotWaitForAReceiver (real time only)
//   Reports nothing      SendToNobodyIsHarmless
//   Never alters         NeverAltersAnEnvelope
//   Never invents        NeverInventsAnEnvelope
//   Never elsewhere      NeverDeliversToAnotherRole,
//                        NeverDeliversOnceTold (hook: StopServing)
//   Threads              SendMayBeCalledInsideAReceiver,
//                        SendMayBeCalledFromAnyThread (real time only)
//
// A transport may lose, delay, double and reorder, so the suite sends again
// until something arrives, and takes any number of copies. A transport that
// never brings an envelope of kPayloadMax bytes is not for these roles: the
// subject may say less.

#ifndef TRIVET_TESTING_CONFORMANCE_TRANSPORT_SUITE_H_
#define TRIVET_TESTING_CONFORMANCE_TRANSPORT_SUITE_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "trivet/config.h"
#include "trivet/host/transport.h"
#include "trivet/testing/conformance/pace.h"
#include "trivet/testing/conformance/promise.h"

namespace trivet {
inline namespace v0_1 {
namespace testing {

// A network of two nodes: one that sends, and one where roles are served. They
// may be the same.
class TRIVET_EXPORT TransportSubject {
 public:
  static constexpr size_t kPayloadMax = size_t{1} << 20;

  using Receiver = std::function<void(Envelope)>;

  virtual ~TransportSubject() = default;

  // Has what arrives for `role` brought to `receiver`, which may still be
  // called until StopServing or the end of the subject. Called for all roles
  // before the first call of transport().
  virtual void Serve(std::string role, Receiver receiver) = 0;

  // The sending node's.
  virtual Transport* transport() = 0;
  virtual Pace pace() const = 0;

  // Hook: has no more brought to `role`. When it returns, its receiver neither
  // runs nor will. False: that is not possible here.
  virtual bool StopServing(std::string_view /*role*/) { return false; }

  // The largest payload that it carries.
  virtual size_t payload_max() const { return kPayloadMax; }
};

struct TRIVET_EXPORT TransportSuite {
  using Subject = TransportSubject;
  static const std::vector<Promise<Subject>>& Promises();
};

}  // namespace testing
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_TESTING_CONFORMANCE_TRANSPORT_SUITE_H_
