# SPDX-License-Identifier: Apache-2.0
# Every option of the build. Whoever embeds trivet with add_subdirectory gets
# the libraries and nothing else unless they ask.
include(GNUInstallDirs)

set(TRIVET_MODULES "ring;lock;txn" CACHE STRING
    "Which of the modules ring, lock and txn to build")
if(TRIVET_MODULES MATCHES "^;*$")
  message(FATAL_ERROR "TRIVET_MODULES is empty; "
                      "name one or more of ring, lock and txn")
endif()
foreach(module IN LISTS TRIVET_MODULES)
  if(NOT module MATCHES "^(ring|lock|txn)$")
    message(FATAL_ERROR "TRIVET_MODULES names '${module}'; "
                        "the modules are ring, lock and txn")
  endif()
endforeach()

option(TRIVET_BUILD_TESTS "Build trivet's tests" ${PROJECT_IS_TOP_LEVEL})
option(TRIVET_BUILD_BENCH "Build trivet's benchmarks" ${PROJECT_IS_TOP_LEVEL})
option(TRIVET_BUILD_EXAMPLES
       "Let the tests build and run trivet's examples against the package"
       ${PROJECT_IS_TOP_LEVEL})
option(TRIVET_BUILD_CLI "Build the tool trivet" ${PROJECT_IS_TOP_LEVEL})
option(TRIVET_BUILD_TESTKIT "Build trivet::testkit, the simulator"
       ${PROJECT_IS_TOP_LEVEL})
option(TRIVET_INSTALL "Define trivet's install rules" ${PROJECT_IS_TOP_LEVEL})
foreach(client SQLITE REDIS)
  set(TRIVET_WITH_${client} AUTO CACHE STRING
      "Build this adapter: ON, OFF, or AUTO: where its library is found")
  set_property(CACHE TRIVET_WITH_${client} PROPERTY STRINGS AUTO ON OFF)
  if(NOT TRIVET_WITH_${client} MATCHES "^(AUTO|ON|OFF)$")
    message(FATAL_ERROR "TRIVET_WITH_${client} is '${TRIVET_WITH_${client}}'; "
                        "it must be AUTO, ON or OFF")
  endif()
endforeach()
set(TRIVET_SERVERS "" CACHE PATH
    "Folder of unpacked servers: build the tests that need real ones too")
option(TRIVET_WERROR "Treat warnings as errors; for trivet's own checks" OFF)
option(TRIVET_FUZZ "Build the fuzzers too; needs clang" OFF)
option(TRIVET_MODELS "Check the models too; needs spin" OFF)
option(BUILD_SHARED_LIBS "Build shared libraries instead of static ones" OFF)

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE
   AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Type of build" FORCE)
endif()
