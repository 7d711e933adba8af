# SPDX-License-Identifier: Apache-2.0
# Says at the end of the configuration what will be built, and what not.
get_property(components GLOBAL PROPERTY TRIVET_COMPONENTS)
list(JOIN components " " components)
message(STATUS "trivet ${PROJECT_VERSION} (${CMAKE_BUILD_TYPE}): ${components}")
get_property(not_built GLOBAL PROPERTY TRIVET_NOT_BUILT)
foreach(component IN LISTS not_built)
  get_property(reason GLOBAL PROPERTY TRIVET_${component}_REASON)
  message(STATUS "  not ${component}: ${reason}")
endforeach()
