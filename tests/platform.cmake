quench_test(platform_test SOURCES platform_host_test.cpp USES platform LABELS fast)
quench_test(platform_measured_test SOURCES platform_measured_test.cpp USES platform models LABELS fast)
quench_test(platform_power_test SOURCES platform_power_test.cpp USES platform LABELS fast)
quench_test(platform_conditions_test SOURCES platform_conditions_test.cpp USES platform LABELS fast)
