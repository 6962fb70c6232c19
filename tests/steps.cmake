if(QUENCH_LAB)
  quench_test(steps_test SOURCES steps_start_test.cpp USES steps LABELS fast)
  quench_test(steps_prune_test SOURCES steps_prune_test.cpp graph_samples.cpp USES steps LABELS fast)
endif()
