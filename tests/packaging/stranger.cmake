# SPDX-License-Identifier: Apache-2.0
# Configures, builds and runs a stranger's PROJECT in BUILD against PREFIX.
# EXPECT_ERROR: what the configuration has to fail with. EXPECT_OUTPUT: a file
# with what the last program has to print. TRANSCRIPT: a page with commands to
# be run instead.
file(REMOVE_RECURSE ${BUILD})
execute_process(
  COMMAND
    ${CMAKE_COMMAND} -S ${PROJECT} -B ${BUILD} -G ${GENERATOR}
    -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_CXX_FLAGS=${FLAGS}
    -DCMAKE_BUILD_TYPE=${TYPE} -DCMAKE_PREFIX_PATH=${PREFIX} ${ARGS}
  RESULT_VARIABLE result
  OUTPUT_VARIABLE said
  ERROR_VARIABLE said)

if(EXPECT_ERROR)
  # CMake wraps what it says.
  string(REGEX REPLACE "[ \n]+" " " said "${said}")
  if(result EQUAL 0)
    message(FATAL_ERROR "the configuration went well")
  elseif(NOT said MATCHES "${EXPECT_ERROR}")
    message(FATAL_ERROR "fails, but not with '${EXPECT_ERROR}': ${said}")
  endif()
  return()
endif()
if(NOT result EQUAL 0)
  message(FATAL_ERROR "cannot configure:\n${said}")
endif()

execute_process(
  COMMAND ${CMAKE_COMMAND} --build ${BUILD} --config ${TYPE} --parallel 2
          --target ${RUN}
  RESULT_VARIABLE result
  OUTPUT_VARIABLE said
  ERROR_VARIABLE said)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "cannot build:\n${said}")
endif()

if(TRANSCRIPT)
  set(PAGE ${TRANSCRIPT})
  set(FOLDER ${BUILD})
  include(${CMAKE_CURRENT_LIST_DIR}/transcript.cmake)
  return()
endif()
foreach(program IN LISTS RUN)
  execute_process(
    COMMAND ${BUILD}/${program} ${RUN_ARGS}
    WORKING_DIRECTORY ${BUILD}
    RESULT_VARIABLE result
    OUTPUT_VARIABLE printed
    ERROR_VARIABLE complained)
  message("${printed}${complained}")
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${program} ends with ${result}")
  endif()
endforeach()
if(EXPECT_OUTPUT)
  file(READ ${EXPECT_OUTPUT} expected)
  if(NOT printed STREQUAL expected)
    message(FATAL_ERROR "the output differs from ${EXPECT_OUTPUT}")
  endif()
endif()
