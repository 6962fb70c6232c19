#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <thread>

#include "cli/lab_commands.h"
#include "cli/study_context.h"
#include "core/text.h"
#include "inference/registry.h"
#include "nn/intra_op_threads.h"
#include "processes/sharing.h"
#include "study/work.h"

namespace quench::cli {
namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// Sets `stop` when `cancel` is set, or, where it is attended, when the standard input ends: who started this is gone.
class Attendance {
 public:
  Attendance(bool attended, const CancelToken& cancel, CancelToken& stop)
      : thread_([this, attended, &cancel, &stop] {
          constexpr int kPollMs = 50;
          bool open = attended;
          while (!ends_) {
            pollfd input{open ? STDIN_FILENO : -1, POLLIN, 0};
            if (::poll(&input, 1, kPollMs) > 0) {
              char bytes[64];
              if (::read(STDIN_FILENO, bytes, sizeof bytes) <= 0) {
                open = false;
                stop.cancel();
              }
            }
            if (cancel.cancelled()) stop.cancel();
          }
        }) {}
  ~Attendance() {
    ends_ = true;
    thread_.join();
  }
  Attendance(const Attendance&) = delete;
  Attendance& operator=(const Attendance&) = delete;

 private:
  std::atomic<bool> ends_{false};
  std::thread thread_;
};

/// Who this is, as Slurm says where it started it: its name for the node, and, of one that does one job, the number of
/// Slurm's, which runs once at a time, however often it is started again.
study::WorkerIdentity identity(bool one_job) {
  const std::string job = variable("SLURM_JOB_ID"), node = variable("SLURMD_NODENAME");
  study::WorkerIdentity self = study::this_worker(job.empty() || !one_job ? "" : "slurm " + job);
  if (!node.empty()) self.host = node;
  return self;
}

}  // namespace

int run_study_work(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = lab_settings(invocation);
  const study::StudyFile study = read_study_of(invocation, environment, options);
  const runtime::Registry registry = inference::full_registry(environment.places);
  const steps::Registry step_registry = steps::registry();
  CancelToken stop;
  const Attendance attendance(options["attended"].get<bool>(), *environment.cancel, stop);
  study::RunContext context = study_context(options, study, environment, registry, step_registry);
  context.cancel = &stop;
  const int sharing = options["workers"];
  const nn::IntraOpThreads threads(processes::share_of_processors(sharing));  // what waits for a processor spins
  context.threads = nn::intra_op_threads();
  if (sharing > 1) {
    environment.log.info(fmt::format("trains and evaluates with {}: the processors are shared by {} workers",
                                     counted(context.threads, "thread"), sharing));
  }
  study::WorkRequest request;
  request.keys = options["key"].get<std::vector<std::string>>();
  request.self = identity(request.keys.size() == 1);
  request.worker = options["worker"];
  request.workers = options["workers"];
  request.machine_folder = fs::temp_directory_path() / fmt::format("quench-{}", ::getuid());
  if (options["attended"].get<bool>()) std::cout << "ready" << std::endl;  // who started it knows that it was reached
  const study::WorkSummary summary = study::work(study, context, request);
  if (options["attended"].get<bool>() || request.keys.empty()) {
    environment.log.info(
        fmt::format("nothing is left: {} done here, {} failed here", counted(summary.done, "job"), summary.failed));
  }
  const bool by_key = !request.keys.empty() && !summary.reason.empty() && summary.done == 0;
  if (by_key && summary.failed == 0) environment.log.warning(summary.reason);
  return summary.failed > 0 || by_key ? program::kCellFailed : program::kOk;
}

}  // namespace quench::cli
