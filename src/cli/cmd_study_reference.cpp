#include <iostream>

#include "cli/base_commands.h"
#include "methods/study_reference.h"

namespace quench::cli {

int run_study_reference(const program::Invocation&, const program::Environment&) {
  std::cout << methods::study_reference(methods::step_table());
  return program::kOk;
}

}  // namespace quench::cli
