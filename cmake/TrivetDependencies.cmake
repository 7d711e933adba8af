# SPDX-License-Identifier: Apache-2.0
# What trivet stands on. Each is taken from the system.
# find_dependency lines of the same names stand in trivet-config.cmake.in.
find_package(Threads REQUIRED)
find_package(absl CONFIG QUIET)
if(NOT absl_FOUND)
  message(FATAL_ERROR "trivet needs abseil-cpp (Debian: libabsl-dev)")
endif()

if("ring" IN_LIST TRIVET_MODULES)
  find_path(TRIVET_XXHASH_INCLUDE_DIR xxhash.h)
  mark_as_advanced(TRIVET_XXHASH_INCLUDE_DIR)
  if(NOT TRIVET_XXHASH_INCLUDE_DIR)
    message(FATAL_ERROR "trivet's ring needs xxHash (Debian: libxxhash-dev)")
  endif()
endif()

# Client libraries of adapters; without one its adapter is left out.
if(NOT TRIVET_WITH_SQLITE STREQUAL "OFF")
  find_package(SQLite3 QUIET)
endif()
if(NOT TRIVET_WITH_REDIS STREQUAL "OFF")
  find_package(hiredis QUIET)
endif()

if(TRIVET_BUILD_TESTS)
  find_package(GTest CONFIG QUIET)
  if(NOT TARGET GTest::gmock)
    message(FATAL_ERROR
            "trivet's tests need GoogleTest (Debian: libgmock-dev)")
  endif()
endif()
