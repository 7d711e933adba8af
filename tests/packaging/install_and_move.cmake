# SPDX-License-Identifier: Apache-2.0
# Installs BUILD to STAGE, looks for traces of this machine in what was
# installed, and moves it to PREFIX.
file(REMOVE_RECURSE ${STAGE} ${PREFIX})
execute_process(
  COMMAND ${CMAKE_COMMAND} --install ${BUILD} --config ${CONFIG} --prefix
          ${STAGE}
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
file(GLOB_RECURSE files ${STAGE}/*.cmake ${STAGE}/*.pc ${STAGE}/*.h)
list(LENGTH files count)
if(count LESS 5)
  message(FATAL_ERROR "only ${count} files were installed")
endif()
foreach(file IN LISTS files)
  file(READ ${file} text)
  foreach(folder ${STAGE} ${BUILD} ${SOURCE})
    string(FIND "${text}" "${folder}" found)
    if(NOT found EQUAL -1)
      message(FATAL_ERROR "${file} names ${folder}")
    endif()
  endforeach()
endforeach()
file(RENAME ${STAGE} ${PREFIX})
