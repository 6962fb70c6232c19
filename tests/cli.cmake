# The program itself, with or without the lab.
function(quench_cli_test NAME)
  quench_test(${NAME} SOURCES ${NAME}.cpp USES core)
  target_compile_definitions(${NAME} PRIVATE QUENCH_PROGRAM="$<TARGET_FILE:quench>")
  if(QUENCH_LAB)
    target_compile_definitions(${NAME} PRIVATE QUENCH_LAB=1)
  endif()
  add_dependencies(${NAME} quench)
endfunction()

quench_cli_test(cli_test)
if(QUENCH_LAB)
  quench_cli_test(cli_predict_test)
endif()
