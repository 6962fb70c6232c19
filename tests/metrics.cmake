quench_test(metrics_test SOURCES metrics_cost_test.cpp metrics_latency_test.cpp metrics_top_k_test.cpp USES metrics
            LABELS fast)
