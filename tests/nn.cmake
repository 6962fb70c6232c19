if(QUENCH_LAB)
  quench_test(nn_kernels_test SOURCES nn_kernels_test.cpp USES nn LABELS fast)
  quench_test(nn_test TORCH SOURCES nn_fake_quant_test.cpp nn_module_test.cpp nn_qat_test.cpp nn_shared_batch_norm_test.cpp USES nn models LABELS fast)
endif()
