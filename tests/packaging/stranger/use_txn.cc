// SPDX-License-Identifier: Apache-2.0
#include "trivet/txn/coordinator.h"
#include "trivet/txn/transaction.h"

int main() {
  trivet::TxnId id;
  id.coordinator = "bank-1#9f3c";
  id.number = {3, 17};
  const auto again = trivet::TxnId::Parse(id.ToString());
  return again.ok() && *again == id ? 0 : 1;
}
