# SPDX-License-Identifier: Apache-2.0
# The package: for every component one file of CMake targets and one of
# pkg-config; one config file that loads what was asked for.
#
# Everything is derived from what the rooms said to trivet_library. Nothing
# installed names this tree or the prefix, so a prefix can be moved.
include(CMakePackageConfigHelpers)

set(cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/trivet)
set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# What a consumer of `component` has to link: everything public, and everything
# private too if the component is an archive.
function(trivet_consumer_deps component out)
  get_property(deps GLOBAL PROPERTY TRIVET_${component}_PUBLIC_DEPS)
  get_target_property(type trivet_${component} TYPE)
  if(type STREQUAL STATIC_LIBRARY)
    get_property(private GLOBAL PROPERTY TRIVET_${component}_PRIVATE_DEPS)
    list(APPEND deps ${private})
  endif()
  set(${out} ${deps} PARENT_SCOPE)
endfunction()

# The components that `component` stands on, lowest first, and itself.
function(trivet_component_closure component out)
  set(closure "")
  trivet_consumer_deps(${component} deps)
  foreach(dep IN LISTS deps)
    if(dep MATCHES "^trivet::(.+)$")
      trivet_component_closure(${CMAKE_MATCH_1} below)
      list(APPEND closure ${below})
    endif()
  endforeach()
  list(APPEND closure ${component})
  list(REMOVE_DUPLICATES closure)
  set(${out} ${closure} PARENT_SCOPE)
endfunction()

# trivet-COMPONENT.pc. Every abseil target ABSL::X has a pkg-config file absl_X.
function(trivet_install_pkgconfig component)
  file(RELATIVE_PATH PC_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig
       ${CMAKE_INSTALL_PREFIX})
  set(PC_NAME ${component})
  set(PC_LIBS "")
  set(PC_REQUIRES "")
  trivet_consumer_deps(${component} deps)
  foreach(dep IN LISTS deps)
    if(dep STREQUAL Threads::Threads)
      set(PC_LIBS " -pthread")
    elseif(dep MATCHES "^trivet::(.+)$")
      list(APPEND PC_REQUIRES trivet-${CMAKE_MATCH_1})
    elseif(dep MATCHES "^absl::(.+)$")
      list(APPEND PC_REQUIRES absl_${CMAKE_MATCH_1})
    else()
      string(REGEX REPLACE "^.*::" "" package ${dep})
      string(TOLOWER ${package} package)
      list(APPEND PC_REQUIRES ${package})
    endif()
  endforeach()
  list(JOIN PC_REQUIRES " " PC_REQUIRES)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/trivet.pc.in
                 ${PROJECT_BINARY_DIR}/package/trivet-${component}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/package/trivet-${component}.pc
          DESTINATION ${pkgconfig_dir})
endfunction()

if(TARGET trivet_cli)
  file(RELATIVE_PATH libraries ${CMAKE_INSTALL_FULL_BINDIR}
       ${CMAKE_INSTALL_FULL_LIBDIR})
  set_target_properties(trivet_cli PROPERTIES INSTALL_RPATH
                                              "$ORIGIN/${libraries}")
endif()

# What every component's headers include.
install(FILES ${PROJECT_SOURCE_DIR}/include/trivet/config.h
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/trivet)

get_property(TRIVET_COMPONENTS GLOBAL PROPERTY TRIVET_COMPONENTS)
set(TRIVET_COMPONENT_FACTS "")
foreach(component IN LISTS TRIVET_COMPONENTS)
  trivet_component_closure(${component} closure)
  set(packages "")
  foreach(part IN LISTS closure)
    trivet_consumer_deps(${part} deps)
    foreach(dep IN LISTS deps)
      if(dep STREQUAL SQLite::SQLite3)
        list(APPEND packages SQLite3)
      elseif(NOT dep MATCHES "^trivet::" AND dep MATCHES "^(.+)::")
        list(APPEND packages ${CMAKE_MATCH_1})
      endif()
    endforeach()
  endforeach()
  list(REMOVE_DUPLICATES packages)
  string(APPEND TRIVET_COMPONENT_FACTS
         "set(_trivet_${component}_load ${closure})\n"
         "set(_trivet_${component}_packages ${packages})\n")
  trivet_install_pkgconfig(${component})
  install(
    EXPORT trivet-${component}-targets
    NAMESPACE trivet::
    DESTINATION ${cmake_dir})
endforeach()

get_property(TRIVET_NOT_BUILT GLOBAL PROPERTY TRIVET_NOT_BUILT)
foreach(component IN LISTS TRIVET_NOT_BUILT)
  get_property(reason GLOBAL PROPERTY TRIVET_${component}_REASON)
  string(APPEND TRIVET_COMPONENT_FACTS
         "set(_trivet_${component}_reason [[${reason}]])\n")
endforeach()

list(JOIN TRIVET_COMPONENTS " " TRIVET_COMPONENTS)
configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/cmake/trivet-config.cmake.in
  ${PROJECT_BINARY_DIR}/package/trivet-config.cmake
  INSTALL_DESTINATION ${cmake_dir}
  NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/package/trivet-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_SOURCE_DIR}/cmake/Findhiredis.cmake
              ${PROJECT_BINARY_DIR}/package/trivet-config.cmake
              ${PROJECT_BINARY_DIR}/package/trivet-config-version.cmake
        DESTINATION ${cmake_dir})
