// SPDX-License-Identifier: Apache-2.0
//
// The audit: from the orders file and the files in DIR alone. It knows nothing
// of the run before it, and works on a copy, so that it changes nothing.
//
// Every order says what should have happened; every node's journal says what it
// did; the outcomes say what the customers were told. All three must agree, to
// the cent and to the unit.

#ifndef SHOP_AUDIT_H_
#define SHOP_AUDIT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "setup.h"
#include "trivet/host/executor.h"

namespace shop {

struct Finding {
  std::string name;
  bool passed = true;
  std::string text;  // What was counted, or the first thing that is wrong.
};

// A finding for each question. If the files cannot even be read, one that says
// so.
std::vector<Finding> Audit(trivet::Executor* executor, const Options& options,
                           const OrdersFile& orders);

}  // namespace shop

#endif  // SHOP_AUDIT_H_
