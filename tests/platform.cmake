quench_test(platform_test SOURCES platform_host_test.cpp USES platform LABELS fast)
quench_test(platform_measured_test SOURCES platform_measured_test.cpp USES platform models LABELS fast)
quench_test(platform_power_test SOURCES platform_power_test.cpp USES platform LABELS fast)
quench_test(platform_conditions_test SOURCES platform_conditions_test.cpp USES platform LABELS fast)
quench_test(platform_bench_test SOURCES platform_bench_test.cpp USES platform LABELS fast)
# A device on loopback: skipped where there is no sshd.
quench_test(platform_ssh_test SOURCES platform_ssh_test.cpp USES platform)
quench_test(platform_remote_test SOURCES platform_remote_test.cpp USES platform)
