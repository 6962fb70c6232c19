# Sample graphs built by hand, and a plain executor to compare with, for tests of several folders.
add_library(quench_graph_samples STATIC graph_samples.cpp)
target_include_directories(quench_graph_samples PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(quench_graph_samples PUBLIC quench_graph)
add_library(quench_reference_executor STATIC reference_executor.cpp)
target_include_directories(quench_reference_executor PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(quench_reference_executor PUBLIC quench_graph)

quench_test(graph_onnx_test SOURCES graph_onnx_test.cpp USES graph graph_samples LABELS fast)
quench_test(graph_packed_test SOURCES graph_packed_test.cpp USES graph graph_samples LABELS fast)
quench_test(graph_passes_test SOURCES graph_passes_test.cpp USES graph_samples reference_executor LABELS fast)
quench_test(graph_op_traits_test SOURCES graph_op_traits_test.cpp graph_groups_test.cpp USES graph_samples reference_executor
            LABELS fast)
quench_test(graph_reference_test SOURCES graph_reference_test.cpp USES graph_samples reference_executor LABELS fast)
quench_test(graph_verify_test SOURCES graph_verify_test.cpp graph_quantized_test.cpp graph_dynamic_test.cpp USES graph graph_samples LABELS fast)
quench_test(graph_fuzz_test SOURCES graph_fuzz_test.cpp USES graph graph_samples LABELS fast)

# Debian's libonnx, where it is installed. Its symbols live in another protobuf package than ours.
find_library(QUENCH_ONNX_LIBRARY onnx)
find_library(QUENCH_ONNX_PROTO_LIBRARY onnx_proto)
if(QUENCH_ONNX_LIBRARY AND QUENCH_ONNX_PROTO_LIBRARY)
  quench_test(graph_checker_test SOURCES graph_checker_test.cpp USES graph_samples
              LINK ${QUENCH_ONNX_LIBRARY} ${QUENCH_ONNX_PROTO_LIBRARY} protobuf::libprotobuf LABELS fast)
  target_compile_definitions(graph_checker_test PRIVATE ONNX_NAMESPACE=onnx ONNX_ML=1)
endif()
quench_test(graph_onnxruntime_test SOURCES graph_onnxruntime_test.cpp USES runtime graph_samples reference_executor
            LABELS fast)
