#include "cli/lab.h"
#include "cli/program.h"

int main(int argc, char** argv) {
  using namespace quench::cli;
  return run_program({"quench", "quench: train YOLO, quantize it, run the real integers, compare.", QUENCH_VERSION,
                      &commands(), run_in_lab},
                     argc, argv);
}
