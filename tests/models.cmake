quench_test(models_test SOURCES models_build_test.cpp models_counts_test.cpp models_detect_test.cpp USES models metrics LABELS fast)
