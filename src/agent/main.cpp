#include "agent/commands.h"
#include "program/program.h"

int main(int argc, char** argv) {
  return quench::program::run_program({"quench-agent", "quench-agent: run a quench model on the device it is for.",
                                       QUENCH_VERSION, &quench::agent::commands()},
                                      argc, argv);
}
