quench_test(latency_table_test SOURCES latency_table_surface_test.cpp latency_table_file_test.cpp latency_table_learn_test.cpp latency_table_source_test.cpp
            USES latency_table models LABELS fast)
# A board on loopback: skipped where there is no sshd.
quench_test(latency_table_board_test SOURCES latency_table_board_test.cpp USES latency_table models)
target_compile_definitions(latency_table_board_test PRIVATE QUENCH_AGENT_PROGRAM="$<TARGET_FILE:quench-agent>")
add_dependencies(latency_table_board_test quench-agent)
