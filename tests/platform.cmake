quench_test(platform_test SOURCES platform_host_test.cpp USES platform LABELS fast)
quench_test(platform_measured_test SOURCES platform_measured_test.cpp USES platform models LABELS fast)
