# QUENCH_C10D: whether LibTorch has c10d with Gloo, and Gloo's headers are there, so that several processes can work
# together. Then QUENCH_GLOO_INCLUDE, and QUENCH_GLOO_LIBRARY where Gloo is a library of its own (Debian's libgloo-dev).
# The declaration has no header: those cost 15 s.
include(CheckCXXSourceCompiles)
find_path(QUENCH_GLOO_INCLUDE gloo/rendezvous/store.h)
find_library(QUENCH_GLOO_LIBRARY gloo)
if(QUENCH_TORCH)
  set(QUENCH_GLOO_LIBRARY "" CACHE FILEPATH "" FORCE)  # the wheel has Gloo in it
endif()
set(CMAKE_REQUIRED_LIBRARIES torch)
check_cxx_source_compiles("
  namespace c10d { struct ProcessGroupGloo { static void createDefaultDevice(); }; }
  int main(int argc, char**) { if (argc > 9) c10d::ProcessGroupGloo::createDefaultDevice(); }" QUENCH_TORCH_HAS_GLOO)
unset(CMAKE_REQUIRED_LIBRARIES)
# A newer LibTorch's headers may want newer ones of Gloo than the system has.
set(QUENCH_GLOO_FITS ON)
if(QUENCH_TORCH AND QUENCH_GLOO_INCLUDE)
  set(CMAKE_REQUIRED_LIBRARIES torch)
  set(CMAKE_REQUIRED_INCLUDES ${QUENCH_GLOO_INCLUDE})
  set(CMAKE_REQUIRED_DEFINITIONS -DUSE_C10D_GLOO)
  check_cxx_source_compiles("
    #include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
    int main() {}" QUENCH_GLOO_OF_THIS_TORCH)
  unset(CMAKE_REQUIRED_LIBRARIES)
  unset(CMAKE_REQUIRED_INCLUDES)
  unset(CMAKE_REQUIRED_DEFINITIONS)
  set(QUENCH_GLOO_FITS ${QUENCH_GLOO_OF_THIS_TORCH})
endif()
set(QUENCH_C10D OFF)
if(QUENCH_TORCH_HAS_GLOO AND QUENCH_GLOO_INCLUDE AND QUENCH_GLOO_FITS)
  set(QUENCH_C10D ON)
else()
  message(STATUS "No c10d with Gloo: training and evaluation on several processes will not be there (libgloo-dev)")
endif()
