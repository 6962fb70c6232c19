quench_test(pack_test SOURCES pack_file_test.cpp pack_fuzz_test.cpp USES pack LABELS fast)
