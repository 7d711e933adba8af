// SPDX-License-Identifier: Apache-2.0
//
// Random bytes from the kernel, for names that must be unique in the world: a
// generator in user space repeats itself after fork().

#ifndef TRIVET_SRC_INTERNAL_RANDOM_H_
#define TRIVET_SRC_INTERNAL_RANDOM_H_

#include <cstdint>
#include <string>

#include "trivet/config.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {

// 128 bits from getrandom(2), as 32 lower-case hexadecimal digits. A kernel
// that has no entropy source at all ends the process.
TRIVET_EXPORT std::string UniqueId();

// 64 bits from getrandom(2), for seeds.
TRIVET_EXPORT uint64_t RandomSeed();

// While one exists, what its thread draws comes from it and not from the
// kernel; of several, from the newest. For the simulator alone, where equal
// seeds give equal histories.
class TRIVET_EXPORT RandomSource {
 public:
  RandomSource();
  virtual ~RandomSource();
  RandomSource(const RandomSource&) = delete;
  RandomSource& operator=(const RandomSource&) = delete;

  virtual uint64_t Draw() = 0;
};

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#endif  // TRIVET_SRC_INTERNAL_RANDOM_H_
