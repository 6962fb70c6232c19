#include <iostream>

#include "cli/lab_commands.h"
#include "cli/print.h"
#include "cli/study_context.h"
#include "core/json_text.h"
#include "core/printable.h"
#include "study/forecasts.h"
#include "study/run.h"

namespace quench::cli {
namespace {

namespace fs = std::filesystem;

int print_states(const study::StudyFile& study, const fs::path& folder, const fs::path& data_root,
                 const Json& options) {
  const std::vector<study::CellState> states = study::status(study, folder, data_root);
  std::vector<std::vector<std::string>> rows{{"cell", "status", "reason"}};
  Json list = Json::array();
  int64_t done = 0;
  for (const study::CellState& state : states) {
    rows.push_back({state.id, state.status, state.reason});
    list.push_back({{"cell", state.id}, {"status", state.status}, {"reason", state.reason}});
    done += state.status == "ok";
  }
  if (options["format"] == "json") {
    std::cout << json_text(list, 2) << "\n";
  } else {
    std::cout << text_table(rows)
              << fmt::format("{} of {} cells done, in {}\n", done, states.size(), printable_line(folder.string()));
  }
  return program::kOk;
}

std::string duration(double seconds) {
  return seconds < 120 ? fmt::format("{:.0f} s", seconds) : fmt::format("{:.0f} min", seconds / 60);
}

/// The graph of jobs: what is done, what is to do, and how long that took before or is tried to take.
int print_plan(const study::StudyFile& study, const study::RunContext& context, const Json& options) {
  const std::vector<study::PlannedJob> jobs = study::plan(study, context, options["trial"].get<bool>());
  std::vector<std::vector<std::string>> rows{{"#", "job", "of", "after", "state", "estimate"}};
  Json list = Json::array();
  int64_t to_do = 0, unknown = 0, tried = 0;
  double seconds = 0;
  for (const study::PlannedJob& job : jobs) {
    std::string after;
    for (const size_t place : job.after) after += fmt::format("{}{}", after.empty() ? "" : ",", place + 1);
    const bool is_open = job.state == study::JobState::to_do;
    rows.push_back({std::to_string(rows.size()), job.kind, job.name, after, study::to_string(job.state),
                    job.estimate_seconds ? duration(*job.estimate_seconds) + (job.from_trial ? " (trial)" : "")
                    : is_open            ? "?"
                                         : ""});
    list.push_back(
        {{"job", job.kind},
         {"of", job.name},
         {"after", job.after},
         {"state", study::to_string(job.state)},
         {"key", job.key},
         {"estimate_seconds", job.estimate_seconds ? Json(*job.estimate_seconds) : Json()},
         {"estimate_from", !job.estimate_seconds ? Json() : Json(job.from_trial ? "trial" : "earlier jobs")}});
    to_do += is_open;
    tried += job.from_trial;
    unknown += is_open && !job.estimate_seconds;
    seconds += job.estimate_seconds.value_or(0);
  }
  if (options["format"] == "json") {
    std::cout << json_text(list, 2) << "\n";
    return program::kOk;
  }
  std::cout << text_table(rows)
            << fmt::format("{} of {} jobs to do, estimated at {} in all{}{}\n", to_do, jobs.size(), duration(seconds),
                           tried > 0 ? fmt::format("; {} from a trial on a few images", tried) : std::string(),
                           unknown > 0 ? fmt::format("; {} have no estimate{}", unknown,
                                                     options["trial"] ? "" : " (--trial tries them)")
                                       : std::string());
  return program::kOk;
}

}  // namespace

int run_study_plan(const program::Invocation& invocation, const program::Environment& environment,
                   const runtime::Registry& runtimes, const steps::Registry& steps) {
  const Json options = lab_settings(invocation);
  const study::StudyFile study = study::read_study(invocation.inputs.at(0));
  study::catalog_of(study, environment.device_folders);  // what `run` would refuse is refused here too
  const study::RunContext context = study_context(options, study, environment, runtimes, steps);
  if (invocation.command == "study status") return print_states(study, context.folder, context.data_root, options);
  return print_plan(study, context, options);
}

}  // namespace quench::cli
