quench_test(data_dataset_test SOURCES data_dataset_test.cpp USES data LABELS fast)
quench_test(data_sets_test SOURCES data_sets_test.cpp USES data LABELS data)
