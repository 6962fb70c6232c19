# What quench-agent is linked with, as static archives: of the system, or, where it is cross-compiled, of the folder that
# scripts/fetch_agent_packages.sh fills. fmt, JSON and CLI11 are headers alone here.
if(CMAKE_CROSSCOMPILING)
  if(NOT DEFINED QUENCH_AGENT_SYSROOT)
    if(DEFINED ENV{QUENCH_AGENT_SYSROOT})
      set(QUENCH_AGENT_SYSROOT $ENV{QUENCH_AGENT_SYSROOT})
    else()
      set(QUENCH_AGENT_SYSROOT $ENV{HOME}/.cache/quench/deps/${CMAKE_SYSTEM_PROCESSOR}-linux-gnu)
    endif()
  endif()
  set(headers ${QUENCH_AGENT_SYSROOT}/usr/include)
  include_directories(SYSTEM ${headers} ${headers}/${CMAKE_SYSTEM_PROCESSOR}-linux-gnu)
  set(archive_folders ${QUENCH_AGENT_SYSROOT}/usr/lib/${CMAKE_SYSTEM_PROCESSOR}-linux-gnu NO_DEFAULT_PATH)
endif()

function(quench_archive TARGET FILE)
  find_library(QUENCH_ARCHIVE_${FILE} ${FILE} PATHS ${archive_folders})
  if(NOT QUENCH_ARCHIVE_${FILE})
    message(FATAL_ERROR "${FILE} not found (${archive_folders}): scripts/setup.sh --agent fetches it")
  endif()
  add_library(${TARGET} STATIC IMPORTED)
  set_target_properties(${TARGET} PROPERTIES IMPORTED_LOCATION ${QUENCH_ARCHIVE_${FILE}})
endfunction()
quench_archive(ZLIB::ZLIB libz.a)
quench_archive(Md::md libmd.a)
quench_archive(JPEG::JPEG libjpeg.a)
quench_archive(PNG::PNG libpng16.a)
quench_archive(protobuf::libprotobuf-lite libprotobuf-lite.a)

find_program(QUENCH_PROTOC protoc REQUIRED)
add_executable(protobuf::protoc IMPORTED)
set_target_properties(protobuf::protoc PROPERTIES IMPORTED_LOCATION ${QUENCH_PROTOC})

add_library(fmt::fmt INTERFACE IMPORTED)
set_target_properties(fmt::fmt PROPERTIES INTERFACE_COMPILE_DEFINITIONS FMT_HEADER_ONLY=1)
add_library(nlohmann_json::nlohmann_json INTERFACE IMPORTED)

# ONNX Runtime is a shared library: a static program cannot open it.
set(QUENCH_HAS_ONNXRUNTIME OFF)
add_library(quench_onnxruntime_headers INTERFACE)

set(CMAKE_POSITION_INDEPENDENT_CODE OFF)
add_compile_options(-ffunction-sections -fdata-sections)
add_link_options(-static -s -Wl,--gc-sections)
