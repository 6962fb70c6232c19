quench_test(collectives_test TORCH SOURCES collectives_group_test.cpp USES collectives nn LABELS fast)
quench_test(collectives_memory_test SOURCES collectives_memory_test.cpp USES collectives LABELS fast)
