quench_test(latency_table_test SOURCES latency_table_surface_test.cpp latency_table_file_test.cpp latency_table_learn_test.cpp latency_table_source_test.cpp
            USES latency_table models LABELS fast)
