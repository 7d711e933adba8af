# SPDX-License-Identifier: Apache-2.0
# One function per kind of target, so that a room's CMakeLists.txt says only
# what it holds and what it stands on.

# What every target of ours is compiled with. Warnings never reach a user.
function(trivet_compile_options target)
  target_compile_features(${target} PUBLIC cxx_std_17)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  target_compile_options(
    ${target} PRIVATE -Wall -Wextra -Wconversion -Wshadow
                      $<$<BOOL:${TRIVET_WERROR}>:-Werror>)
endfunction()

# trivet_library(NAME ring SOURCES a.cc ... [PUBLIC_DEPS ...] [PRIVATE_DEPS ...]
#                [HEADERS dir ...])
# Defines the target trivet_NAME, known to users as trivet::NAME and installed
# as the component NAME together with the public headers of the folders HEADERS
# below include/trivet (NAME if none is given).
function(trivet_library)
  cmake_parse_arguments(arg "" "NAME"
                        "SOURCES;PUBLIC_DEPS;PRIVATE_DEPS;HEADERS" ${ARGN})
  if(NOT arg_HEADERS)
    set(arg_HEADERS ${arg_NAME})
  endif()
  set(target trivet_${arg_NAME})
  add_library(${target} ${arg_SOURCES})
  add_library(trivet::${arg_NAME} ALIAS ${target})
  trivet_compile_options(${target})
  target_include_directories(
    ${target}
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
           $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${target} PUBLIC ${arg_PUBLIC_DEPS}
                        PRIVATE ${arg_PRIVATE_DEPS})
  # Installed libraries stand side by side and find each other wherever the
  # prefix is moved to.
  set_target_properties(
    ${target}
    PROPERTIES EXPORT_NAME ${arg_NAME}
               CXX_VISIBILITY_PRESET hidden
               VISIBILITY_INLINES_HIDDEN ON
               POSITION_INDEPENDENT_CODE ON
               INSTALL_RPATH "$ORIGIN"
               VERSION ${PROJECT_VERSION}
               SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})

  # For the package (TrivetInstall) and for the tests of headers and rules.
  set_property(GLOBAL APPEND PROPERTY TRIVET_COMPONENTS ${arg_NAME})
  foreach(part PUBLIC_DEPS PRIVATE_DEPS HEADERS)
    set_property(GLOBAL PROPERTY TRIVET_${arg_NAME}_${part} ${arg_${part}})
  endforeach()
  set_property(GLOBAL PROPERTY TRIVET_${arg_NAME}_FOLDER
                               ${CMAKE_CURRENT_SOURCE_DIR})

  if(TRIVET_INSTALL)
    install(TARGETS ${target} EXPORT trivet-${arg_NAME}-targets)
    foreach(folder IN LISTS arg_HEADERS)
      install(
        DIRECTORY ${PROJECT_SOURCE_DIR}/include/trivet/${folder}/
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/trivet/${folder}
        FILES_MATCHING
        PATTERN "*.h")
    endforeach()
  endif()
endfunction()

# trivet_not_built(NAME FOLDER REASON)
# Remembers that the component NAME, whose sources stand in src/FOLDER, is left
# out of this build. REASON is a clause for whoever asks the installed package
# for it, and says what to do: "configure trivet with ...", "install ...".
function(trivet_not_built name folder reason)
  set_property(GLOBAL APPEND PROPERTY TRIVET_NOT_BUILT ${name})
  set_property(GLOBAL PROPERTY TRIVET_${name}_FOLDER
                               ${PROJECT_SOURCE_DIR}/src/${folder})
  set_property(GLOBAL PROPERTY TRIVET_${name}_REASON "${reason}")
endfunction()

# trivet_add_room(FOLDER [TARGETS ...])
# add_subdirectory(FOLDER), if all of these targets are built.
function(trivet_add_room folder)
  cmake_parse_arguments(arg "" "" "TARGETS" ${ARGN})
  foreach(target IN LISTS arg_TARGETS)
    if(NOT TARGET ${target})
      cmake_path(ABSOLUTE_PATH folder)
      set_property(GLOBAL APPEND PROPERTY TRIVET_ROOMS_LEFT_OUT ${folder})
      return()
    endif()
  endforeach()
  add_subdirectory(${folder})
endfunction()

# What `dev.sh check tsan` builds: every test program with threads, whose tests
# have labels such as unit-threads, but those that are slow as they are.
if(TRIVET_BUILD_TESTS)
  add_custom_target(threads)
endif()

# Whether a test makes threads, itself or by what it links.
function(trivet_has_threads out)
  cmake_parse_arguments(arg "" "" "DEPS" ${ARGN})
  set(${out} FALSE PARENT_SCOPE)
  if(arg_DEPS MATCHES "trivet::(thread|file|sqlite|redis)|shop_sources")
    set(${out} TRUE PARENT_SCOPE)
  endif()
  foreach(source IN LISTS arg_UNPARSED_ARGUMENTS)
    file(STRINGS ${source} found REGEX "std::thread" LIMIT_COUNT 1)
    if(found)
      set(${out} TRUE PARENT_SCOPE)
    endif()
  endforeach()
endfunction()

# trivet_test(NAME ring_lookup_test SOURCES ... [DEPS ...] [LABELS unit]
#             [TIMEOUT seconds])
# A GoogleTest program; each of its tests is a ctest test with these labels.
function(trivet_test)
  cmake_parse_arguments(arg "" "NAME;TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  add_executable(${arg_NAME} ${arg_SOURCES})
  trivet_compile_options(${arg_NAME})
  target_include_directories(${arg_NAME} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${arg_NAME} PRIVATE ${arg_DEPS} GTest::gmock
                                            GTest::gtest_main)
  if(NOT arg_LABELS)
    set(arg_LABELS unit)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  trivet_has_threads(threads ${arg_SOURCES} DEPS ${arg_DEPS})
  if(threads AND NOT arg_LABELS MATCHES "examples|mutant|slow|tidy")
    string(APPEND arg_LABELS -threads)  # Not a list, which would be torn apart.
    add_dependencies(threads ${arg_NAME})
  endif()
  include(GoogleTest)
  gtest_discover_tests(
    ${arg_NAME}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
    DISCOVERY_TIMEOUT 60
    NO_PRETTY_VALUES
    PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT})
endfunction()
