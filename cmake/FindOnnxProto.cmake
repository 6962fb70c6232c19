# quench_onnx_proto: the ONNX schema of the distribution (onnx.proto), compiled for protobuf's lite runtime under
# our own package name, so that it neither clashes with the copy inside LibTorch nor costs start-up time.
find_path(ONNX_PROTO_DIR onnx/onnx.proto REQUIRED)
set(proto_dir ${CMAKE_BINARY_DIR}/generated)
file(READ ${ONNX_PROTO_DIR}/onnx/onnx.proto schema)
string(REPLACE "package onnx;" "package quench_onnx;" schema "${schema}")
if(NOT schema MATCHES "optimize_for")
  string(APPEND schema "\noption optimize_for = LITE_RUNTIME;\n")
endif()
file(CONFIGURE OUTPUT ${proto_dir}/quench_onnx.proto CONTENT "${schema}" @ONLY)
add_custom_command(
  OUTPUT ${proto_dir}/quench_onnx.pb.cc ${proto_dir}/quench_onnx.pb.h
  COMMAND protobuf::protoc --proto_path=${proto_dir} --cpp_out=${proto_dir} ${proto_dir}/quench_onnx.proto
  DEPENDS ${proto_dir}/quench_onnx.proto VERBATIM)
add_library(quench_onnx_proto STATIC ${proto_dir}/quench_onnx.pb.cc)
target_include_directories(quench_onnx_proto SYSTEM PUBLIC ${proto_dir})
target_link_libraries(quench_onnx_proto PUBLIC protobuf::libprotobuf-lite)
