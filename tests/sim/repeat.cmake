# SPDX-License-Identifier: Apache-2.0
# Runs FIRST twice and SECOND once over the same seeds of SUITE: the hashes of
# their traces must be equal.
set(arguments --suite=${SUITE} --seed=1 --histories=60)
foreach(program IN ITEMS ${FIRST} ${FIRST} ${SECOND})
  execute_process(COMMAND ${program} ${arguments} OUTPUT_VARIABLE output
                  RESULT_VARIABLE result)
  if(NOT result EQUAL 0 OR NOT output MATCHES "hash [0-9a-f]+")
    message(FATAL_ERROR "${program} failed:\n${output}")
  endif()
  list(APPEND hashes ${CMAKE_MATCH_0})
endforeach()
list(REMOVE_DUPLICATES hashes)
list(LENGTH hashes different)
if(NOT different EQUAL 1)
  message(FATAL_ERROR "runs of the same seeds differ: ${hashes}")
endif()
message(STATUS "${hashes}")
