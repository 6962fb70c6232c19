#include "cli/lab_commands.h"

/// Entry point of libquench_data.so: the data commands, without LibTorch.
extern "C" int quench_library_run(const quench::program::Invocation& invocation,
                                  const quench::program::Environment& environment) {
  using namespace quench::cli;
  return invocation.command == "data pack" ? run_data_pack(invocation, environment) : run_data(invocation, environment);
}
