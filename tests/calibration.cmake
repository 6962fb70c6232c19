if(QUENCH_LAB)
  quench_test(calibration_test TORCH SOURCES calibration_compare_test.cpp calibration_pictures_test.cpp USES calibration LABELS fast)
endif()
