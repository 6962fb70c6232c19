# QUENCH_VERSION: the project's version and, in a git checkout, the commit ("0.1.0+1a2b3c4").
set(QUENCH_VERSION ${PROJECT_VERSION})
find_package(Git QUIET)
if(GIT_FOUND)
  execute_process(COMMAND ${GIT_EXECUTABLE} rev-parse --short HEAD WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
                  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(commit)
    string(APPEND QUENCH_VERSION "+${commit}")
  endif()
endif()
