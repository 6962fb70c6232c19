quench_test(methods_test SOURCES methods_chain_test.cpp methods_dynamic_test.cpp USES methods LABELS fast)
