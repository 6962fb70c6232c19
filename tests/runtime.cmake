quench_test(runtime_measure_test SOURCES runtime_measure_test.cpp runtime_streams_test.cpp USES runtime LABELS fast)
quench_test(runtime_registry_test SOURCES runtime_registry_test.cpp USES runtime LABELS fast)
quench_test(runtime_onnxruntime_test SOURCES runtime_onnxruntime_test.cpp USES runtime graph_samples LABELS fast)
quench_test(runtime_trtexec_test SOURCES runtime_trtexec_test.cpp USES runtime LABELS fast)
quench_test(runtime_tensorrt_test SOURCES runtime_tensorrt_test.cpp USES runtime models LABELS fast
            NEEDS no_trtexec "TensorRt.WithoutTrtexecItSaysWhereItLooked")

# One list of cases over every runtime: those of quench_base, and in the lab build torch.
set(conformance runtime_conformance_test.cpp conformance_cases.cpp conformance_pruned.cpp)
quench_test(runtime_conformance_test SOURCES ${conformance} conformance_base.cpp
            USES runtime prune models graph_samples reference_executor LABELS fast NEEDS onnxruntime "*/onnxruntime_*")
add_library(quench_integer_executor STATIC integer_executor.cpp)
target_link_libraries(quench_integer_executor PUBLIC quench_graph)
target_include_directories(quench_integer_executor PUBLIC ${CMAKE_SOURCE_DIR}/tests)
quench_test(runtime_native_test SOURCES runtime_native_test.cpp conformance_cases.cpp
            USES runtime models graph_samples reference_executor integer_executor LABELS fast)
quench_test(runtime_native_winograd_test SOURCES runtime_native_winograd_test.cpp USES runtime graph_samples LABELS fast)
quench_test(runtime_native_winograd_f32_test SOURCES runtime_native_winograd_f32_test.cpp
            USES runtime graph_samples LABELS fast)
quench_test(runtime_native_first_pixels_test SOURCES runtime_native_first_pixels_test.cpp USES runtime graph_samples LABELS fast)
quench_test(runtime_native_wide_test SOURCES runtime_native_wide_test.cpp random_graphs.cpp
            USES runtime graph_samples LABELS fast)
quench_test(runtime_native_sparse_test SOURCES runtime_native_sparse_test.cpp USES runtime LABELS fast)
quench_test(runtime_native_refusals_test SOURCES runtime_native_refusals_test.cpp USES runtime graph_samples LABELS fast)
quench_test(runtime_native_random_test SOURCES runtime_native_random_test.cpp native_dyadic_test.cpp random_graphs.cpp
            USES runtime graph_samples integer_executor LABELS fast)
# The same graphs on ARM's kernels, under QEMU.
add_subdirectory(native_digest)
quench_test(runtime_native_arm_test SOURCES runtime_native_arm_test.cpp USES runtime LABELS fast)
target_compile_definitions(runtime_native_arm_test PRIVATE QUENCH_DIGEST_PROGRAM="$<TARGET_FILE:quench-native-digest>")
add_dependencies(runtime_native_arm_test quench-native-digest)
if(QUENCH_LAB)
  quench_test(runtime_conformance_torch_test SOURCES ${conformance} conformance_torch.cpp
              USES nn runtime prune models graph_samples reference_executor LABELS fast)
endif()
