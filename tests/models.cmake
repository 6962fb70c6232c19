quench_test(models_test SOURCES models_build_test.cpp models_counts_test.cpp models_detect_test.cpp models_scaled_test.cpp USES models metrics LABELS fast)
quench_test(models_decode_tail_test SOURCES models_decode_tail_test.cpp USES models runtime graph_samples LABELS fast
            NEEDS onnxruntime "*DecodeTailRuns.*")
if(QUENCH_ONNX_LIBRARY AND QUENCH_ONNX_PROTO_LIBRARY)  # graph.cmake
  quench_test(models_decode_tail_checker_test SOURCES models_decode_tail_checker_test.cpp USES models graph_samples
              LINK ${QUENCH_ONNX_LIBRARY} ${QUENCH_ONNX_PROTO_LIBRARY} protobuf::libprotobuf LABELS fast)
  target_compile_definitions(models_decode_tail_checker_test PRIVATE ONNX_NAMESPACE=onnx ONNX_ML=1)
endif()
