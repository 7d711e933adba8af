// SPDX-License-Identifier: Apache-2.0
//
// What the files in a directory say, read without any of the code that wrote
// them but the records' own formats: the logs are replayed, not the shop.

#ifndef SHOP_EVIDENCE_H_
#define SHOP_EVIDENCE_H_

#include <cstddef>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "book.h"
#include "directory.h"
#include "outcomes.h"
#include "setup.h"
#include "trivet/host/executor.h"

namespace shop {

struct Evidence {
  struct NodeFiles {
    Book book;
    size_t in_doubt = 0;  // Transactions the node's log leaves undecided.
  };
  Membership membership;
  OutcomesRead outcomes;
  std::map<std::string, NodeFiles> nodes;  // The members.
};

// kDataLoss and the like: a file is missing, damaged or another's.
absl::StatusOr<Evidence> ReadEvidence(trivet::Executor* executor,
                                      const Options& options,
                                      const OrdersFile& orders);

}  // namespace shop

#endif  // SHOP_EVIDENCE_H_
