// SPDX-License-Identifier: Apache-2.0

#include "src/testing/log_file.h"

#include <cstdint>
#include <string_view>

#include "src/testing/dice.h"
#include "src/testing/node.h"
#include "src/testing/trace.h"
#include "src/testing/world.h"
#include "trivet/host/log_store.h"
#include "trivet/testing/fault_options.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

bool TakesTrim(Process* process, std::string_view log, uint64_t hash,
               Epoch epoch, LogIndex first_needed, SharedFile* file) {
  if (!process->alive() || epoch != file->epoch) return false;
  World* const world = process->world();
  const std::string_view who = process->node()->name();
  if (world->Strikes(Chance::kTrimIgnored, world->faults().trim_ignored, hash,
                     file->trims++, who, log)) {
    return false;
  }
  world->trace().Add(world->now(), Happening::kTrim, who, log, first_needed, 0);
  return true;
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
