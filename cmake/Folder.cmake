# quench_folder(NAME SOURCES ... [USES folder ...] [LINK library ...])
#
# (-Wno-restrict: GCC 12 warns falsely about std::string, its bug 105329.)
# One folder of src/ is one static library `quench_<NAME>`. USES names the folders (lower levels only: tests/layers_test
# holds this) that it may include; LINK names outside libraries.
function(quench_folder NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES;LINK" ${ARGN})
  set(target quench_${NAME})
  add_library(${target} STATIC ${ARG_SOURCES})
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wno-sign-compare -Wno-restrict
    $<$<BOOL:${QUENCH_WERROR}>:-Werror> ${QUENCH_FOLDER_OPTIONS})
  foreach(used IN LISTS ARG_USES)
    target_link_libraries(${target} PUBLIC quench_${used})
  endforeach()
  target_link_libraries(${target} PUBLIC ${ARG_LINK})
endfunction()

# quench_test(NAME SOURCES ... USES folder ... [LINK library ...] [LABELS fast|slow|data ...])
#
# One GoogleTest program, run by CTest; label `fast`: needs no data set and takes seconds.
function(quench_test NAME)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;USES;LINK;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 600)
  endif()
  add_executable(${NAME} ${ARG_SOURCES})
  target_compile_options(${NAME} PRIVATE -Wall -Wextra -Wno-sign-compare -Wno-restrict $<$<BOOL:${QUENCH_WERROR}>:-Werror>)
  foreach(used IN LISTS ARG_USES)
    target_link_libraries(${NAME} PRIVATE quench_${used})
  endforeach()
  target_link_libraries(${NAME} PRIVATE ${ARG_LINK} GTest::gtest GTest::gtest_main)
  target_include_directories(${NAME} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_compile_definitions(${NAME} PRIVATE QUENCH_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME ${NAME} COMMAND ${NAME})
  set_tests_properties(${NAME} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
endfunction()
