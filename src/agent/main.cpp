#include "agent/commands.h"
#include "cli/program.h"

int main(int argc, char** argv) {
  return quench::cli::run_program({"quench-agent", "quench-agent: run a quench model on the device it is for.",
                                   QUENCH_VERSION, &quench::agent::commands()},
                                  argc, argv);
}
