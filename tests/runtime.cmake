quench_test(runtime_measure_test SOURCES runtime_measure_test.cpp USES runtime LABELS fast)
quench_test(runtime_registry_test SOURCES runtime_registry_test.cpp USES runtime LABELS fast)
