// SPDX-License-Identifier: Apache-2.0
//
// TRIVET_MUTANT(name): is this planted bug switched on?
//
// A checker that has never caught a bug is not trusted, so the sources carry
// known mistakes at the places where one would make them:
//
//   const bool durable = record_durable || TRIVET_MUTANT(vote_before_force);
//
// In the library the macro is the constant false. Only the test program
// trivet_sim_mutants is built with TRIVET_MUTANTS, and switches on one bug by
// its name.

#ifndef TRIVET_SRC_INTERNAL_MUTANT_H_
#define TRIVET_SRC_INTERNAL_MUTANT_H_

#ifdef TRIVET_MUTANTS

#include <string_view>

namespace trivet {
inline namespace v0_1 {
namespace internal {

// The bug that is switched on; empty: none. Set by the test program.
extern std::string_view active_mutant;

inline bool MutantIsActive(std::string_view name) {
  return active_mutant == name;
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet

#define TRIVET_MUTANT(name) (::trivet::internal::MutantIsActive(#name))
#else
#define TRIVET_MUTANT(name) (false)
#endif

#endif  // TRIVET_SRC_INTERNAL_MUTANT_H_
