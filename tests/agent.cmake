# quench-agent itself, run as a program.
add_library(quench_agent_samples STATIC agent_samples.cpp)
target_include_directories(quench_agent_samples PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(quench_agent_samples PUBLIC quench_graph_samples quench_models quench_pack quench_runtime
  quench_score quench_record)

function(quench_agent_test NAME)
  quench_test(${NAME} SOURCES ${NAME}.cpp USES agent_samples LABELS fast ${ARGN})
  target_compile_definitions(${NAME} PRIVATE QUENCH_AGENT_PROGRAM="$<TARGET_FILE:quench-agent>")
  add_dependencies(${NAME} quench-agent)
endfunction()

quench_agent_test(agent_cli_test)
quench_agent_test(agent_predict_test)
target_link_libraries(agent_predict_test PRIVATE quench_agent)
quench_agent_test(agent_resume_test)
quench_agent_test(agent_aarch64_test NEEDS qemu "AgentEmulated.*")
target_link_libraries(agent_aarch64_test PRIVATE quench_picture_files)
# quench and quench-agent together; skipped where there is no sshd.
quench_test(agent_remote_test SOURCES agent_remote_test.cpp USES agent_samples NEEDS qemu_and_arm_agent "Remote.AnArmDeviceGivesTheSameScores")
target_compile_definitions(agent_remote_test PRIVATE QUENCH_AGENT_PROGRAM="$<TARGET_FILE:quench-agent>"
                           QUENCH_PROGRAM="$<TARGET_FILE:quench>" $<$<BOOL:${QUENCH_LAB}>:QUENCH_LAB=1>)
add_dependencies(agent_remote_test quench quench-agent)
