# SPDX-License-Identifier: Apache-2.0
# Tests that are projects of somebody else.
#
# The test packaging.install installs this build into a prefix and moves it to
# TRIVET_TEST_PREFIX; ctest runs it before every test that wants the package.
set(TRIVET_TEST_PREFIX ${PROJECT_BINARY_DIR}/package/moved)

# trivet_stranger_test(NAME ... PROJECT folder LABELS ... [ARGS -D...]
#                      [RUN program...] [RUN_ARGS ...] [EXPECT_OUTPUT file]
#                      [TRANSCRIPT page] [EXPECT_ERROR regex])
# Configures, builds and runs a project against the moved prefix; or expects
# that its configuration fails with those words. The commands of a page with a
# transcript are run where the program stands, and must print what it shows.
function(trivet_stranger_test)
  cmake_parse_arguments(arg "" "NAME;PROJECT;EXPECT_ERROR;EXPECT_OUTPUT;TRANSCRIPT"
                        "ARGS;LABELS;RUN;RUN_ARGS" ${ARGN})
  add_test(
    NAME ${arg_NAME}
    COMMAND
      ${CMAKE_COMMAND} -D PROJECT=${arg_PROJECT} -D
      BUILD=${PROJECT_BINARY_DIR}/package/${arg_NAME} -D
      PREFIX=${TRIVET_TEST_PREFIX} -D GENERATOR=${CMAKE_GENERATOR} -D
      COMPILER=${CMAKE_CXX_COMPILER} -D "FLAGS=${CMAKE_CXX_FLAGS}" -D
      TYPE=$<CONFIG> -D "ARGS=${arg_ARGS}" -D "RUN=${arg_RUN}" -D
      "RUN_ARGS=${arg_RUN_ARGS}" -D "EXPECT_OUTPUT=${arg_EXPECT_OUTPUT}" -D
      "EXPECT_ERROR=${arg_EXPECT_ERROR}" -D "TRANSCRIPT=${arg_TRANSCRIPT}" -P
      ${PROJECT_SOURCE_DIR}/tests/packaging/stranger.cmake)
  set_tests_properties(
    ${arg_NAME} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT 600
                           FIXTURES_REQUIRED trivet_package)
endfunction()
