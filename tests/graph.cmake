# Sample graphs built by hand, for tests of several folders.
add_library(quench_graph_samples STATIC graph_samples.cpp)
target_include_directories(quench_graph_samples PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(quench_graph_samples PUBLIC quench_graph)

quench_test(graph_onnx_test SOURCES graph_onnx_test.cpp USES graph graph_samples LABELS fast)
