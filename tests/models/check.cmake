# SPDX-License-Identifier: Apache-2.0
# One model, all of its states: EXPECTED errors, 0 or 1.
file(REMOVE_RECURSE ${FOLDER})
file(MAKE_DIRECTORY ${FOLDER})
function(run out)
  execute_process(
    COMMAND ${ARGN}
    WORKING_DIRECTORY ${FOLDER}
    OUTPUT_VARIABLE text
    ERROR_VARIABLE text
    RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "${ARGN}: ${failed}\n${text}")
  endif()
  set(${out} "${text}" PARENT_SCOPE)
endfunction()

run(ignored ${SPIN} -a ${FLAGS} ${MODEL})
run(ignored ${CC} -O2 -w -DSAFETY -DCOLLAPSE -o pan pan.c)
run(text ./pan -m200000 -w24)

# "errors: 0" may also mean that it gave up.
if(text MATCHES "max search depth|out of memory|search not completed|pan: reached")
  if(NOT EXPECTED OR NOT text MATCHES "errors: 1")
    message(FATAL_ERROR "not all states were seen\n${text}")
  endif()
endif()
if(NOT text MATCHES "errors: ([0-9]+)\n" OR NOT text MATCHES
                                            " ([0-9]+) states, stored")
  message(FATAL_ERROR "spin says neither errors nor states\n${text}")
endif()
string(REGEX MATCH " ([0-9]+) states, stored" ignored "${text}")
set(states ${CMAKE_MATCH_1})
string(REGEX MATCH "errors: ([0-9]+)\n" ignored "${text}")
if(NOT CMAKE_MATCH_1 STREQUAL EXPECTED)
  message(FATAL_ERROR "${CMAKE_MATCH_1} errors, not ${EXPECTED}; "
                      "${states} states\n${text}")
endif()
message("${states} states, errors: ${CMAKE_MATCH_1}")
if(text MATCHES "(pan:1: [^\n]*)")
  message("${CMAKE_MATCH_1}")
endif()
