quench_test(platform_test SOURCES platform_host_test.cpp USES platform LABELS fast)
