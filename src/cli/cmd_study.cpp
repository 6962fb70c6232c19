#include <iostream>

#include "cli/lab_commands.h"
#include "cli/print.h"
#include "core/file.h"
#include "data/sets/find.h"
#include "inference/registry.h"
#include "report/report.h"
#include "study/forecasts.h"
#include "study/run.h"
#include "study/stages.h"

namespace quench::cli {
namespace {

namespace fs = std::filesystem;

fs::path results_folder(const Json& options, const study::StudyFile& study) {
  return options["out"].is_string() ? fs::path(options["out"].get<std::string>()) : fs::path("results") / study.name;
}

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
    std::cout << list.dump(2) << "\n";
  } else {
    std::cout << text_table(rows) << fmt::format("{} of {} cells done, in {}\n", done, states.size(), folder.string());
  }
  return program::kOk;
}

std::string duration(double seconds) {
  return seconds < 120 ? fmt::format("{:.0f} s", seconds) : fmt::format("{:.0f} min", seconds / 60);
}

/// The graph of jobs: what is done, what is to do, and how long that took before.
int print_plan(const study::StudyFile& study, const study::RunContext& context, const Json& options) {
  const std::vector<study::PlannedJob> jobs = study::plan(study, context);
  std::vector<std::vector<std::string>> rows{{"#", "job", "of", "after", "state", "estimate"}};
  Json list = Json::array();
  int64_t to_do = 0, unknown = 0;
  double seconds = 0;
  for (const study::PlannedJob& job : jobs) {
    std::string after;
    for (const size_t place : job.after) after += fmt::format("{}{}", after.empty() ? "" : ",", place + 1);
    const bool is_open = job.state == study::JobState::to_do;
    rows.push_back({std::to_string(rows.size()), job.kind, job.name, after, study::to_string(job.state),
                    job.estimate_seconds ? duration(*job.estimate_seconds)
                    : is_open            ? "?"
                                         : ""});
    list.push_back({{"job", job.kind},
                    {"of", job.name},
                    {"after", job.after},
                    {"state", study::to_string(job.state)},
                    {"key", job.key},
                    {"estimate_seconds", job.estimate_seconds ? Json(*job.estimate_seconds) : Json()}});
    to_do += is_open;
    unknown += is_open && !job.estimate_seconds;
    seconds += job.estimate_seconds.value_or(0);
  }
  if (options["format"] == "json") {
    std::cout << list.dump(2) << "\n";
    return program::kOk;
  }
  std::cout << text_table(rows)
            << fmt::format("{} of {} jobs to do; earlier jobs of their kind took {} in all{}\n", to_do, jobs.size(),
                           duration(seconds),
                           unknown > 0 ? fmt::format("; {} have no earlier one", unknown) : std::string());
  return program::kOk;
}

}  // namespace

int run_study(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = lab_settings(invocation);
  const std::string file = invocation.inputs.at(0);
  const study::StudyFile study = study::read_study(file);
  const fs::path folder = results_folder(options, study);
  const fs::path data_root = data::root_of(options, environment.data_root);
  if (invocation.command == "study status") {
    study::catalog_of(study, environment.device_folders);  // what `run` would refuse is refused here too
    return print_states(study, folder, data_root, options);
  }
  const runtime::Registry registry = inference::full_registry(environment.places);
  const steps::Registry step_registry = steps::registry();
  study::RunContext context{folder,         data_root,        environment.version, &registry,
                            &step_registry, &environment.log, environment.cancel};
  context.device_folders = environment.device_folders;
  context.program_folder = environment.places.program_folder;
  if (options.contains("stages") && options["stages"].is_string())
    context.stages = options["stages"].get<std::string>();
  if (invocation.command == "study plan") {
    study::catalog_of(study, environment.device_folders);
    return print_plan(study, context, options);
  }
  const study::RunSummary summary = study::run(study, context);

  Json cells = Json::array();
  for (const record::Record& record : summary.records) cells.push_back(*record.cell);
  const Json left{{"notes", summary.notes}, {"cells", cells}};  // for `quench report`
  write_file(folder / "page.json", left.dump(2) + "\n");
  report::PageOptions page;
  page.title = study.name;
  page.command = fmt::format("quench study run {}", file);
  page.notes = summary.notes;
  write_file(folder / "report.html", report::html(summary.records, page));
  environment.log.info(fmt::format("{} cells run, {} done before, {} failed or unsupported", summary.ran,
                                   summary.skipped, summary.failed));
  std::cout << render(summary.records, options["format"]);
  if (options["format"] == "table") std::cout << "\nreport: " << fs::absolute(folder / "report.html").string() << "\n";
  return summary.failed ? program::kCellFailed : program::kOk;
}

}  // namespace quench::cli
