// SPDX-License-Identifier: Apache-2.0
//
// What every public header of trivet needs: its version and its export macro.
//
// The version stands once in CMakeLists.txt, here and in the name of the inline
// namespace; tests/tidy holds the three together. While it is 0.x, two minor
// versions can be linked into one program but do not exchange types.

#ifndef TRIVET_CONFIG_H_
#define TRIVET_CONFIG_H_

#define TRIVET_VERSION_MAJOR 0
#define TRIVET_VERSION_MINOR 1
#define TRIVET_VERSION_PATCH 0
#define TRIVET_VERSION_STRING "0.1.0"

// Marks what a shared library shows. Everything else is hidden.
#if defined(__GNUC__)
#define TRIVET_EXPORT __attribute__((visibility("default")))
#else
#define TRIVET_EXPORT
#endif

#endif  // TRIVET_CONFIG_H_
