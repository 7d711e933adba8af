# SPDX-License-Identifier: Apache-2.0
# Runs the commands of PAGE, a document, and compares what they print:
#
#   ```console
#   $ ./program --option
#   what it prints
#   $ echo $?
#   0
#   ```
#
# They run in FOLDER, in order. With -D REWRITE=ON the page is written anew with
# what they really print; read it as a diff.
file(READ ${PAGE} text)
# What means something in CMake's lists stands aside meanwhile.
string(ASCII 1 semicolon)
string(ASCII 2 opening)
string(ASCII 3 closing)
string(ASCII 4 backslash)
string(REPLACE ";" "${semicolon}" text "${text}")
string(REPLACE "[" "${opening}" text "${text}")
string(REPLACE "]" "${closing}" text "${text}")
string(REPLACE "\\" "${backslash}" text "${text}")
macro(restore variable)
  string(REPLACE "${semicolon}" ";" ${variable} "${${variable}}")
  string(REPLACE "${opening}" "[" ${variable} "${${variable}}")
  string(REPLACE "${closing}" "]" ${variable} "${${variable}}")
  string(REPLACE "${backslash}" "\\" ${variable} "${${variable}}")
endmacro()
string(REPLACE "\n" ";" lines "${text}")

set(page "")
set(inside FALSE)
set(result 0)
foreach(line IN LISTS lines)
  if(line STREQUAL "```console")
    set(inside TRUE)
  elseif(line STREQUAL "```")
    set(inside FALSE)
  elseif(inside AND line MATCHES "^\\$ (.*)$")
    set(command "${CMAKE_MATCH_1}")
    string(APPEND page "${line}\n")
    restore(command)
    if(command STREQUAL "echo $?")
      set(printed "${result}\n")
    else()
      execute_process(
        COMMAND sh -c "${command}" WORKING_DIRECTORY ${FOLDER}
        RESULT_VARIABLE result OUTPUT_VARIABLE printed ERROR_VARIABLE printed)
    endif()
    string(APPEND page "${printed}")
    continue()
  elseif(inside)
    continue()  # What it printed when the page was written.
  endif()
  string(APPEND page "${line}\n")
endforeach()
restore(page)
string(REGEX REPLACE "\n$" "" page "${page}")  # That of the last, empty line.

file(READ ${PAGE} shown)
if(REWRITE)
  file(WRITE ${PAGE} "${page}")
elseif(NOT page STREQUAL shown)
  file(WRITE ${FOLDER}/page.md "${page}")
  execute_process(COMMAND diff -u ${PAGE} ${FOLDER}/page.md)
  message(FATAL_ERROR "the commands of ${PAGE} print something else")
endif()
