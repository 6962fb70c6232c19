# Target `torch` and Torch_VERSION from PyPI's wheel: -DQUENCH_TORCH=<the folder `torch` that pip installed>, with
# -DQUENCH_TORCH_CUDA=ON also its CUDA libraries. (The wheel's own CMake package asks for a CUDA toolkit, and its
# include/fmt would come before the system's: so its libraries are linked directly, and its headers are seen through a
# folder of links that leaves fmt out.)
option(QUENCH_TORCH_CUDA "Link the CUDA libraries of QUENCH_TORCH" OFF)
if(NOT EXISTS ${QUENCH_TORCH}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "QUENCH_TORCH: expected a folder with lib/libtorch_cpu.so, got ${QUENCH_TORCH}")
endif()

set(torch_include ${CMAKE_BINARY_DIR}/torch-include)
file(REMOVE_RECURSE ${torch_include})
file(MAKE_DIRECTORY ${torch_include})
file(GLOB torch_headers ${QUENCH_TORCH}/include/*)
list(REMOVE_ITEM torch_headers ${QUENCH_TORCH}/include/fmt)
foreach(header IN LISTS torch_headers)
  get_filename_component(name ${header} NAME)
  file(CREATE_LINK ${header} ${torch_include}/${name} SYMBOLIC)
endforeach()

file(STRINGS ${QUENCH_TORCH}/version.py torch_version REGEX "^__version__ = ")
string(REGEX REPLACE ".*'([0-9.]+).*" "\\1" Torch_VERSION "${torch_version}")
message(STATUS "LibTorch ${Torch_VERSION} of ${QUENCH_TORCH}")

add_library(torch INTERFACE IMPORTED GLOBAL)
target_include_directories(torch SYSTEM INTERFACE ${torch_include} ${torch_include}/torch/csrc/api/include)
target_link_libraries(torch INTERFACE ${QUENCH_TORCH}/lib/libtorch_cpu.so ${QUENCH_TORCH}/lib/libc10.so)
if(QUENCH_TORCH_CUDA)
  # They register themselves when loaded: nothing calls them by name.
  target_link_libraries(torch INTERFACE -Wl,--push-state,--no-as-needed ${QUENCH_TORCH}/lib/libtorch_cuda.so
    ${QUENCH_TORCH}/lib/libc10_cuda.so -Wl,--pop-state)
endif()
# What they need in turn (CUDA's run time, beside the wheel) their own rpath finds when they are loaded.
target_link_options(torch INTERFACE -Wl,--allow-shlib-undefined)
