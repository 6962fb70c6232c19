quench_test(config_test SOURCES config_option_test.cpp USES config LABELS fast)
