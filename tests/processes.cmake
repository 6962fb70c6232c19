quench_test(processes_test SOURCES processes_place_test.cpp USES processes LABELS fast)
