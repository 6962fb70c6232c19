quench_test(data_augment_test SOURCES data_augment_test.cpp USES data LABELS fast)
quench_test(data_dataset_test SOURCES data_dataset_test.cpp USES data LABELS fast)
quench_test(data_loader_test SOURCES data_loader_test.cpp USES data LABELS fast)
quench_test(data_sets_test SOURCES data_sets_test.cpp USES data LABELS data)
