# SPDX-License-Identifier: Apache-2.0
# cmake -D COMPILER=... -D FLAGS=... -D INCLUDES=... -D FILE=...
#       -P must_not_compile.cmake
file(STRINGS ${FILE} lines LIMIT_COUNT 2)
list(GET lines 1 expected)
if(NOT expected MATCHES "^// must not compile: (.+)$")
  message(FATAL_ERROR "${FILE} does not say what the compiler has to say")
endif()
set(expected ${CMAKE_MATCH_1})
separate_arguments(FLAGS UNIX_COMMAND "${FLAGS}")
list(REMOVE_DUPLICATES INCLUDES)
list(TRANSFORM INCLUDES PREPEND -I)

function(compile out_result out_said)
  execute_process(
    COMMAND ${CMAKE_COMMAND} -E env LC_ALL=C ${COMPILER} ${FLAGS} -std=c++17
            -fsyntax-only ${INCLUDES} ${ARGN} ${FILE}
    RESULT_VARIABLE result
    OUTPUT_VARIABLE said
    ERROR_VARIABLE said)
  set(${out_result} ${result} PARENT_SCOPE)
  set(${out_said} "${said}" PARENT_SCOPE)
endfunction()

compile(result said -DTRIVET_CONTROL)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "does not compile with TRIVET_CONTROL either:\n${said}")
endif()
compile(result said)
if(result EQUAL 0)
  message(FATAL_ERROR "compiles")
endif()
if(NOT said MATCHES "${expected}")
  message(FATAL_ERROR "fails, but not with '${expected}':\n${said}")
endif()
