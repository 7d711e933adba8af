// SPDX-License-Identifier: Apache-2.0
//
// The tables of trivet in a database, which may hold others too.

#ifndef TRIVET_SRC_ADAPTERS_SQLITE_TABLES_H_
#define TRIVET_SRC_ADAPTERS_SQLITE_TABLES_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "src/adapters/sqlite/database.h"
#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// Makes the table `name` as `columns` says, unless it is there in this format.
// kUnimplemented: it is there in another, which a newer trivet knows.
absl::Status MakeTable(Database* database, std::string_view name,
                       std::string_view columns, int64_t format);

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_ADAPTERS_SQLITE_TABLES_H_
