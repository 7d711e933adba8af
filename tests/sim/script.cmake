# SPDX-License-Identifier: Apache-2.0
# A failing seed becomes scripts. MUTANTS finds it by a planted bug and writes
# them to FOLDER; RUNNER, whose machines are sound, does otherwise. Without the
# bug, SOUND writes scripts of the same seed to which RUNNER keeps.
function(run_scripts folder)
  execute_process(
    COMMAND ${CMAKE_COMMAND} -E env TRIVET_SCRIPTS=${folder} ${RUNNER}
            --gtest_filter=*LeadsTo*
    OUTPUT_VARIABLE output RESULT_VARIABLE result)
  set(output "${output}" PARENT_SCOPE)
  set(result "${result}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${FOLDER})
execute_process(
  COMMAND ${MUTANTS} --bug second_vote_counted --shrink --scripts ${FOLDER}/bad
  OUTPUT_VARIABLE output RESULT_VARIABLE result)
file(GLOB history RELATIVE ${FOLDER}/bad ${FOLDER}/bad/txn-*)
if(NOT result EQUAL 0 OR NOT history MATCHES "^txn-([0-9]+)$")
  message(FATAL_ERROR "no scripts of one failing history:\n${output}")
endif()
set(seed ${CMAKE_MATCH_1})
run_scripts(${FOLDER}/bad/${history})
if(result EQUAL 0 OR NOT output MATCHES "VoteReply")
  message(FATAL_ERROR "the sound machines do as the bug did:\n${output}")
endif()

execute_process(
  COMMAND ${SOUND} txn --seeds ${seed} --scripts ${FOLDER}/good
  OUTPUT_VARIABLE output RESULT_VARIABLE result)
run_scripts(${FOLDER}/good/${history})
if(NOT result EQUAL 0 OR NOT output MATCHES "PASSED")
  message(FATAL_ERROR "the machines do not keep to their scripts:\n${output}")
endif()
file(REMOVE_RECURSE ${FOLDER})
