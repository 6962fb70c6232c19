#include "cli/lab.h"
#include "cli/lab_commands.h"
#include "cli/study_context.h"

/// Entry point of libquench_plan.so: what a study is and what is done of it, without LibTorch.
extern "C" int quench_library_run(const quench::program::Invocation& invocation,
                                  const quench::program::Environment& environment) {
  if (invocation.command == "study init") return quench::cli::run_study_init(invocation, environment);
  if (invocation.command == "study cancel") {
    return quench::cli::run_study_cancel(invocation, environment, quench::cli::listed_runtimes(environment.places),
                                         quench::steps::described());
  }
  return quench::cli::run_study_plan(invocation, environment, quench::cli::listed_runtimes(environment.places),
                                     quench::steps::described());
}
