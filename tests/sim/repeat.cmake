# SPDX-License-Identifier: Apache-2.0
# Runs the same seeds of SCENARIO with FIRST, in one process and in three, and
# with SECOND: what they print must be the same.
set(arguments ${SCENARIO} --seeds 1-60)
set(expected "")
foreach(run IN ITEMS "${FIRST}" "${FIRST};--jobs;3" "${SECOND}")
  list(POP_FRONT run program)
  execute_process(COMMAND ${program} ${arguments} ${run}
                  OUTPUT_VARIABLE output RESULT_VARIABLE result)
  if(NOT result EQUAL 0 OR NOT output MATCHES "hash [0-9a-f]+")
    message(FATAL_ERROR "${program} failed:\n${output}")
  endif()
  if(expected AND NOT output STREQUAL expected)
    message(FATAL_ERROR "runs of the same seeds differ:\n${expected}${output}")
  endif()
  set(expected "${output}")
endforeach()
message(STATUS "${expected}")
