# Compiles through ccache where it is installed. The sloppiness lets it cache precompiled headers, the base folder lets
# another clone of the same sources find what this one compiled.
find_program(QUENCH_CCACHE ccache)
if(QUENCH_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${QUENCH_CCACHE})
endif()
