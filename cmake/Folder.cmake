# quench_folder(NAME SOURCES ... [USES folder ...] [LINK library ...] [APART source ...])
#
# (-Wno-restrict: GCC 12 warns falsely about std::string, its bug 105329.)
# One folder of src/ is one static library `quench_<NAME>`. USES names the folders (lower levels only: tests/layers_test
# holds this) that it may include; LINK names outside libraries. With QUENCH_UNITY some files at a time are compiled as
# one, but those named APART: a program links them without the rest, or they may not see the others' headers.
function(quench_folder NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES;LINK;APART" ${ARGN})
  set(target quench_${NAME})
  add_library(${target} STATIC ${ARG_SOURCES})
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${QUENCH_UNITY} UNITY_BUILD_BATCH_SIZE 10)
  set_source_files_properties(${ARG_APART} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wno-sign-compare -Wno-restrict
    $<$<BOOL:${QUENCH_WERROR}>:-Werror> ${QUENCH_FOLDER_OPTIONS})
  foreach(used IN LISTS ARG_USES)
    target_link_libraries(${target} PUBLIC quench_${used})
  endforeach()
  target_link_libraries(${target} PUBLIC ${ARG_LINK})
endfunction()

# quench_test(NAME SOURCES ... USES folder ... [LINK library ...] [LABELS fast|slow|data ...] [NEEDS what filter ...])
#
# One GoogleTest program, run by CTest; label `fast`: needs no data set and takes seconds. NEEDS lists pairs: tests that
# `filter` (of GoogleTest) names need something that is not on every machine. They are a line of their own in CTest's list,
# NAME.needs_<what>, which says "Skipped" where they were. TORCH: it includes LibTorch's headers, and takes them precompiled
# from quench_nn. Tests are compiled with -O1 in a release build: they run seconds, and compiling them is most of their cost.
function(quench_test NAME)
  cmake_parse_arguments(ARG "TORCH" "TIMEOUT" "SOURCES;USES;LINK;LABELS;NEEDS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 600)
  endif()
  add_executable(${NAME} ${ARG_SOURCES})
  set_target_properties(${NAME} PROPERTIES UNITY_BUILD ${QUENCH_UNITY} UNITY_BUILD_BATCH_SIZE 10)
  target_compile_options(${NAME} PRIVATE -Wall -Wextra -Wno-sign-compare -Wno-restrict $<$<BOOL:${QUENCH_WERROR}>:-Werror>
                         $<$<CONFIG:Release>:-O1>)
  if(ARG_TORCH)
    # Position independent as quench_nn is, or GCC does not take its precompiled header.
    set_target_properties(${NAME} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${NAME} PRIVATE -fPIC -Winvalid-pch)
    target_precompile_headers(${NAME} REUSE_FROM quench_nn)
  endif()
  foreach(used IN LISTS ARG_USES)
    target_link_libraries(${NAME} PRIVATE quench_${used})
  endforeach()
  target_link_libraries(${NAME} PRIVATE ${ARG_LINK} quench_test_main)
  target_include_directories(${NAME} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_compile_definitions(${NAME} PRIVATE QUENCH_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  set(apart "")
  set(tests ${NAME})
  while(ARG_NEEDS)
    list(POP_FRONT ARG_NEEDS what filter)
    add_test(NAME ${NAME}.needs_${what} COMMAND ${NAME} --gtest_filter=${filter})
    list(APPEND tests ${NAME}.needs_${what})
    string(APPEND apart ":${filter}")
  endwhile()
  if(apart)
    string(SUBSTRING "${apart}" 1 -1 apart)
    add_test(NAME ${NAME} COMMAND ${NAME} --gtest_filter=-${apart})
  else()
    add_test(NAME ${NAME} COMMAND ${NAME})
  endif()
  # Several tests run at once: LibTorch's threads of one would wait for those of another. Tests of threads ask for theirs.
  set_tests_properties(${tests} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT} SKIP_RETURN_CODE 77
                       ENVIRONMENT "OMP_NUM_THREADS=1")
endfunction()
