# SPDX-License-Identifier: Apache-2.0
# Writes down what this configuration builds, for tests/tidy:
#
#   source PATH              a source file of some target
#   skipped FOLDER           a folder that this configuration leaves out
#   headers COMPONENT FOLDER a folder of public headers
#   links COMPONENT TARGET   what the component links publicly
#   uses COMPONENT TARGET    what the component links privately
#   folder COMPONENT FOLDER  where the component's sources stand

function(trivet_inventory_sources folder out)
  set(lines "")
  get_property(targets DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(sources ${target} SOURCES)
    get_target_property(source_dir ${target} SOURCE_DIR)
    foreach(source IN LISTS sources)
      if(source MATCHES "^\\$<")
        continue()
      endif()
      cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${source_dir} NORMALIZE)
      cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${PROJECT_SOURCE_DIR})
      string(APPEND lines "source ${source}\n")
    endforeach()
  endforeach()
  get_property(subfolders DIRECTORY ${folder} PROPERTY SUBDIRECTORIES)
  foreach(subfolder IN LISTS subfolders)
    trivet_inventory_sources(${subfolder} below)
    string(APPEND lines "${below}")
  endforeach()
  set(${out} "${lines}" PARENT_SCOPE)
endfunction()

function(trivet_write_inventory file)
  trivet_inventory_sources(${PROJECT_SOURCE_DIR} lines)
  get_property(components GLOBAL PROPERTY TRIVET_COMPONENTS)
  foreach(component IN LISTS components)
    get_property(folder GLOBAL PROPERTY TRIVET_${component}_FOLDER)
    cmake_path(RELATIVE_PATH folder BASE_DIRECTORY ${PROJECT_SOURCE_DIR})
    string(APPEND lines "folder ${component} ${folder}\n")
    foreach(fact "HEADERS headers" "PUBLIC_DEPS links" "PRIVATE_DEPS uses")
      separate_arguments(fact)
      list(GET fact 0 property)
      list(GET fact 1 word)
      get_property(values GLOBAL PROPERTY TRIVET_${component}_${property})
      foreach(value IN LISTS values)
        string(APPEND lines "${word} ${component} ${value}\n")
      endforeach()
    endforeach()
  endforeach()

  get_property(skipped GLOBAL PROPERTY TRIVET_ROOMS_LEFT_OUT)
  get_property(not_built GLOBAL PROPERTY TRIVET_NOT_BUILT)
  foreach(component IN LISTS not_built)
    get_property(folder GLOBAL PROPERTY TRIVET_${component}_FOLDER)
    list(APPEND skipped ${folder})
  endforeach()
  if(NOT TARGET trivet_cli)
    list(APPEND skipped ${PROJECT_SOURCE_DIR}/src/cli)
  endif()
  if(NOT lines MATCHES "source bench/")  # None is built but in Release.
    list(APPEND skipped ${PROJECT_SOURCE_DIR}/bench)
  endif()
  foreach(folder IN LISTS skipped)
    cmake_path(RELATIVE_PATH folder BASE_DIRECTORY ${PROJECT_SOURCE_DIR})
    string(APPEND lines "skipped ${folder}\n")
  endforeach()
  file(WRITE ${file} "${lines}")
endfunction()
