quench_test(weights_element_test SOURCES weights_element_test.cpp USES weights LABELS fast)
quench_test(weights_pickle_test SOURCES weights_pickle_test.cpp USES weights LABELS fast)
quench_test(weights_zip_test SOURCES weights_zip_test.cpp USES weights LABELS fast)
quench_test(weights_safetensors_test SOURCES weights_safetensors_test.cpp USES weights LABELS fast)
quench_test(weights_torch_test SOURCES weights_torch_test.cpp USES weights LABELS fast)
quench_test(weights_import_test SOURCES weights_import_test.cpp USES weights metrics LABELS fast
            NEEDS released_weights "Released.*")
quench_test(weights_variants_test SOURCES weights_variants_test.cpp USES weights LABELS fast)
quench_test(weights_onnx_test SOURCES weights_onnx_test.cpp USES weights LABELS fast)
