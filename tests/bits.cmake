if(QUENCH_LAB)
  quench_test(bits_test TORCH SOURCES bits_sensitivity_test.cpp bits_hessian_test.cpp bits_choose_test.cpp bits_assign_test.cpp USES bits LABELS fast)
endif()
