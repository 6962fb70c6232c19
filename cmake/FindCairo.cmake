# PkgConfig::Cairo, which draws figures as SVG and PDF, and QUENCH_CAIRO: whether it is there.
find_package(PkgConfig REQUIRED)
pkg_check_modules(Cairo IMPORTED_TARGET cairo-svg cairo-pdf)
set(QUENCH_CAIRO ${Cairo_FOUND})
if(NOT QUENCH_CAIRO)
  message(STATUS "No Cairo: `quench report --charts` will not draw")
endif()
