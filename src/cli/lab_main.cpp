#include "cli/base_commands.h"
#include "cli/lab_commands.h"
#include "cli/study_context.h"
#include "core/error.h"
#include "inference/registry.h"
#include "nn/blas.h"
#include "nn/kept_memory.h"
#include "steps/step.h"

/// Entry point of libquench_lab.so.
extern "C" int quench_library_run(const quench::program::Invocation& invocation,
                                  const quench::program::Environment& environment) {
  using namespace quench::cli;
  quench::nn::set_blas_threads(1);
  quench::nn::keep_freed_memory();
  const std::string& name = invocation.command;
  if (name == "bench") return run_bench(invocation, environment, quench::inference::full_registry(environment.places));
  if (name == "quantize") return run_quantize(invocation, environment);
  const quench::steps::Registry steps = quench::steps::registry();
  if (const auto* step = steps.table().find(name); step && step->command) {
    return run_step(invocation, environment, steps);
  }
  if (name == "eval") return run_eval(invocation, environment);
  if (name == "calibrate") return run_calibrate(invocation, environment);
  if (name == "sensitivity") return run_sensitivity(invocation, environment);
  if (name == "why") return run_why(invocation, environment);
  if (name == "export") return run_export_integers(invocation, environment);
  if (name == "predict") return run_predict(invocation, environment);
  if (name == "study plan") {  // with --trial: the others are quench_plan's
    return run_study_plan(invocation, environment, quench::inference::full_registry(environment.places),
                          quench::steps::registry());
  }
  if (name == "study run") return run_study(invocation, environment);
  if (name == "study work") return run_study_work(invocation, environment);
  if (name == "study collect") return run_study_collect(invocation, environment);
  if (name == "study archive") return run_study_archive(invocation, environment);
  if (name == "study verify") return run_study_verify(invocation, environment);
  quench::fail(quench::ErrorKind::internal, "[cli] quench_lab has no command '{}'", name);
}
