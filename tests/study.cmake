if(QUENCH_LAB)
  quench_test(study_file_test SOURCES study_yaml_test.cpp study_plan_test.cpp USES study LABELS fast)
  quench_test(study_run_test SOURCES study_run_test.cpp USES study)
endif()
