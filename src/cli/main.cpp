#include "cli/commands.h"
#include "cli/lab.h"
#include "cli/overview.h"
#include "program/program.h"

int main(int argc, char** argv) {
  using namespace quench;
  return program::run_program({"quench", "quench: train YOLO, quantize it, run the real integers, compare.",
                               QUENCH_VERSION, &cli::commands_for(argc, argv), cli::run_in_library, cli::overview},
                              argc, argv);
}
