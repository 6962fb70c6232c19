quench_test(collectives_test TORCH SOURCES collectives_group_test.cpp USES collectives nn LABELS fast)
