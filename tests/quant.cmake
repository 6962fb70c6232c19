if(QUENCH_LAB)
  quench_test(quant_observer_test SOURCES quant_observer_test.cpp USES quant LABELS fast)
endif()
