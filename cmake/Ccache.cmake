# Compiles through ccache where it is installed; the sloppiness lets it cache precompiled headers.
find_program(QUENCH_CCACHE ccache)
if(QUENCH_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${QUENCH_CCACHE})
endif()
