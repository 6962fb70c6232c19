quench_test(onnx_evaluate_test SOURCES onnx_evaluate_test.cpp USES onnx LABELS fast)
quench_test(onnx_raw_graph_test SOURCES onnx_raw_graph_test.cpp USES onnx runtime graph_samples reference_executor LABELS fast)
