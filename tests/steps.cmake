if(QUENCH_LAB)
  quench_test(steps_test SOURCES steps_start_test.cpp USES steps LABELS fast)
  quench_test(steps_sparsify_test SOURCES steps_sparsify_test.cpp graph_samples.cpp USES steps)
endif()
