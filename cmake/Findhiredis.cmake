# SPDX-License-Identifier: Apache-2.0
# hiredis::hiredis, of a hiredis with or without a CMake package of its own.
find_package(hiredis CONFIG QUIET)
if(NOT TARGET hiredis::hiredis)
  find_path(HIREDIS_INCLUDE_DIR hiredis/hiredis.h)
  find_library(HIREDIS_LIBRARY hiredis)
  mark_as_advanced(HIREDIS_INCLUDE_DIR HIREDIS_LIBRARY)
  include(FindPackageHandleStandardArgs)
  find_package_handle_standard_args(hiredis REQUIRED_VARS HIREDIS_LIBRARY
                                                          HIREDIS_INCLUDE_DIR)
  if(hiredis_FOUND)
    add_library(hiredis::hiredis UNKNOWN IMPORTED)
    set_target_properties(
      hiredis::hiredis
      PROPERTIES IMPORTED_LOCATION "${HIREDIS_LIBRARY}"
                 INTERFACE_INCLUDE_DIRECTORIES "${HIREDIS_INCLUDE_DIR}")
  endif()
endif()
