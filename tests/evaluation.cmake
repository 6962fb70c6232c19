if(QUENCH_LAB)
  quench_test(evaluation_test SOURCES evaluation_page_test.cpp USES evaluation LABELS fast)
endif()
