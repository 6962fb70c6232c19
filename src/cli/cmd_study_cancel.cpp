#include <filesystem>

#include "cli/lab_commands.h"
#include "cli/study_context.h"
#include "core/printable.h"
#include "core/text.h"
#include "study/slurm.h"
#include "study/work.h"

namespace quench::cli {

int run_study_cancel(const program::Invocation& invocation, const program::Environment& environment,
                     const runtime::Registry& runtimes, const steps::Registry& steps) {
  const Json options = lab_settings(invocation);
  const study::StudyFile study = read_study_of(invocation, environment, options);
  const study::RunContext context = study_context(options, study, environment, runtimes, steps);
  if (!std::filesystem::is_directory(context.folder)) {
    fail(ErrorKind::io, "[study.cancel] expected a folder of results, got nothing ({})", context.folder.string());
  }
  const study::JobStores stores = study::job_stores(context, study::this_worker());
  study::ask_to_stop(stores);
  const int64_t queued = study::cancel_slurm(context.folder);
  const size_t working = stores.shared.claims().size() + stores.own.claims().size();
  environment.log.info(fmt::format("{} of Slurm's taken back; {} told to stop, within seconds", counted(queued, "job"),
                                   counted(static_cast<int64_t>(working), "worker")));
  return program::kOk;
}

}  // namespace quench::cli
