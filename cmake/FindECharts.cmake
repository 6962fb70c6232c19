# ECharts, the charting library of report pages: one minified JavaScript file that is embedded into the library.
# Looked for where scripts/fetch_echarts.sh puts it. Sets QUENCH_ECHARTS_FILE; empty where there is none, and then report
# pages have tables and say why there are no charts.
if(NOT DEFINED QUENCH_ECHARTS_ROOT)
  if(DEFINED ENV{QUENCH_ECHARTS_ROOT})
    set(QUENCH_ECHARTS_ROOT $ENV{QUENCH_ECHARTS_ROOT})
  else()
    set(QUENCH_ECHARTS_ROOT $ENV{HOME}/.cache/quench/deps/echarts)
  endif()
endif()
set(QUENCH_ECHARTS_FILE "")
if(EXISTS ${QUENCH_ECHARTS_ROOT}/echarts.common.min.js)
  set(QUENCH_ECHARTS_FILE ${QUENCH_ECHARTS_ROOT}/echarts.common.min.js)
else()
  message(STATUS "ECharts not found: report pages will have no charts (scripts/fetch_echarts.sh fetches it)")
endif()
