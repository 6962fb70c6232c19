if(QUENCH_LAB)
  quench_test(steps_test SOURCES steps_start_test.cpp USES steps LABELS fast)
endif()
