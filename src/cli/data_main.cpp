#include "cli/lab_commands.h"

/// Entry point of libquench_data.so: the data commands and `fetch`, without LibTorch.
extern "C" int quench_library_run(const quench::program::Invocation& invocation,
                                  const quench::program::Environment& environment) {
  using namespace quench::cli;
  if (invocation.command == "data pack") return run_data_pack(invocation, environment);
  if (invocation.command == "data index") return run_data_index(invocation, environment);
  if (invocation.command == "data shard") return run_data_shard(invocation, environment);
  if (invocation.command == "data verify") return run_data_verify(invocation, environment);
  if (invocation.command == "data speed") return run_data_speed(invocation, environment);
  if (invocation.command == "fetch") return run_fetch(invocation, environment);
  return run_data(invocation, environment);
}
