quench_test(score_test SOURCES score_evaluate_test.cpp score_task_test.cpp USES score record config LABELS fast)
