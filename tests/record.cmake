quench_test(record_test SOURCES record_test.cpp USES record LABELS fast)
