#include "methods/step_list.h"
#include "steps/step.h"

namespace quench::steps {

#define QUENCH_DECLARE(name) graph::Graph run_##name(const StepInput& input);
QUENCH_STEPS(QUENCH_DECLARE)
#undef QUENCH_DECLARE

Registry registry() {
  Registry all;
  const methods::StepTable table = methods::step_table();
#define QUENCH_ADD(name) all.add(table.require(#name, "[steps]"), run_##name);
  QUENCH_STEPS(QUENCH_ADD)
#undef QUENCH_ADD
  return all;
}

}  // namespace quench::steps
