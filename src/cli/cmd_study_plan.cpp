#include <algorithm>
#include <charconv>
#include <iostream>

#include "cli/lab_commands.h"
#include "cli/print.h"
#include "cli/study_context.h"
#include "core/error.h"
#include "core/json_text.h"
#include "core/printable.h"
#include "core/text.h"
#include "study/forecasts.h"
#include "study/nodes_forecast.h"
#include "study/run.h"
#include "study/slurm.h"

namespace quench::cli {
namespace {

std::string duration(double seconds) {
  return seconds < 120 ? fmt::format("{:.0f} s", seconds) : fmt::format("{:.0f} min", seconds / 60);
}

/// Why it stands so, or who works on it.
const std::string& remark(const study::PlannedJob& job) { return job.reason.empty() ? job.worker : job.reason; }

bool has_failed(const study::PlannedJob& job) {
  return job.state == study::JobState::failed || job.state == study::JobState::unsupported ||
         job.state == study::JobState::skipped;
}

Json jobs_json(const std::vector<study::PlannedJob>& jobs) {
  Json list = Json::array();
  for (const study::PlannedJob& job : jobs) {
    list.push_back(
        {{"job", job.kind},
         {"of", job.name},
         {"after", job.after},
         {"state", study::to_string(job.state)},
         {"reason", job.reason},
         {"worker", job.worker},
         {"key", job.key},
         {"alone", job.alone},
         {"estimate_seconds", job.estimate_seconds ? Json(*job.estimate_seconds) : Json()},
         {"estimate_from", !job.estimate_seconds ? Json() : Json(job.from_trial ? "trial" : "earlier jobs")}});
  }
  return list;
}

/// Numbers of jobs, ascending, for people: runs as "1-3", and after the third run how many there are.
std::string places_text(const std::vector<size_t>& places) {
  std::string text;
  int runs = 0;
  for (size_t i = 0; i < places.size();) {
    if (runs++ == 3) return text + fmt::format("... ({})", places.size());
    size_t last = i;
    while (last + 1 < places.size() && places[last + 1] == places[last] + 1) ++last;
    text += fmt::format("{}{}", text.empty() ? "" : ",", places[i] + 1);
    if (last > i) text += fmt::format("{}{}", last > i + 1 ? "-" : ",", places[last] + 1);
    i = last + 1;
  }
  return text;
}

/// The graph of jobs: what is done, runs, failed or is to do, and how long that took before or is tried to take.
std::string jobs_text(const std::vector<study::PlannedJob>& jobs, bool tried_now) {
  const bool reasons = std::ranges::any_of(jobs, [](const study::PlannedJob& job) { return !remark(job).empty(); });
  std::vector<std::vector<std::string>> rows{{"#", "job", "of", "after", "state", "estimate"}};
  if (reasons) rows[0].push_back("remark");
  int64_t to_do = 0, unknown = 0, tried = 0, failed = 0;
  double seconds = 0;
  for (const study::PlannedJob& job : jobs) {
    const bool is_open = job.state == study::JobState::to_do || job.state == study::JobState::running;
    std::vector<std::string>& row = rows.emplace_back(std::vector<std::string>{
        std::to_string(rows.size()), job.kind, job.name, places_text(job.after), study::to_string(job.state),
        job.estimate_seconds ? duration(*job.estimate_seconds) + (job.from_trial ? " (trial)" : "")
        : is_open            ? "?"
                             : ""});
    if (reasons) row.push_back(remark(job));
    to_do += is_open;
    failed += has_failed(job);
    tried += job.from_trial;
    unknown += is_open && !job.estimate_seconds;
    seconds += job.estimate_seconds.value_or(0);
  }
  std::string text = text_table(rows) + fmt::format("{} of {} jobs to do", to_do, jobs.size());
  if (to_do > unknown) text += fmt::format(", estimated at {} in all", duration(seconds));
  if (tried > 0) text += fmt::format("; {} from a trial on a few images", tried);
  if (unknown > 0) text += fmt::format("; {} have no estimate{}", unknown, tried_now ? "" : " (--trial tries them)");
  if (failed > 0) text += fmt::format("; {} failed or unsupported: the next run tries them again", failed);
  return text + "\n";
}

/// `--nodes 1,4,16`.
std::vector<int64_t> asked_nodes(const Json& options) {
  std::vector<int64_t> asked;
  for (const Json& text : options["nodes"]) {
    const std::string& digits = text.get_ref<const std::string&>();
    const char* end = digits.data() + digits.size();
    int64_t nodes = 0;
    const auto [stop, code] = std::from_chars(digits.data(), end, nodes);
    if (code != std::errc() || stop != end || nodes < 1 || nodes > 100'000) {
      fail(ErrorKind::config, "--nodes: expected numbers of machines, 1 to 100000, such as 1,4,16, got '{}'", digits);
    }
    asked.push_back(nodes);
  }
  return asked;
}

Json nodes_json(const std::vector<study::PlannedJob>& jobs, const std::vector<int64_t>& asked) {
  const study::OpenWork open = study::open_work(jobs);
  Json list = Json::array();
  for (const int64_t nodes : asked) {
    const study::NodesTime time = study::time_on_nodes(jobs, nodes);
    const bool known = !open.chain.empty();
    list.push_back({{"nodes", nodes},
                    {"seconds", known ? Json(time.seconds) : Json()},
                    {"in_use", known ? Json(time.in_use) : Json()}});
  }
  return {{"work_seconds", open.seconds},
          {"chain_seconds", open.chain_seconds},
          {"chain", open.chain},
          {"without_estimate", open.unknown},
          {"times", list}};
}

/// What the plan would take on some machines at once, and what bounds it.
std::string nodes_text(const std::vector<study::PlannedJob>& jobs, const std::vector<int64_t>& asked) {
  const study::OpenWork open = study::open_work(jobs);
  std::vector<std::vector<std::string>> rows{{"nodes", "time", "in use"}};
  for (const int64_t nodes : asked) {
    const study::NodesTime time = study::time_on_nodes(jobs, nodes);
    rows.push_back({std::to_string(nodes), duration(time.seconds), fmt::format("{:.0f} %", 100 * time.in_use)});
  }
  if (open.chain.empty()) return "\nno job that is open has an estimate: nothing can be said of --nodes\n";
  std::string text = "\n" + text_table(rows);
  if (open.unknown > 0) {
    text += fmt::format("at least: {} without an estimate count as no time\n", counted(open.unknown, "job"));
  }
  const study::PlannedJob& last = jobs.at(open.chain.back());
  text += fmt::format("the longest chain takes {}, however many nodes: {} that end with {} {}\n",
                      duration(open.chain_seconds), counted(std::ssize(open.chain), "job"), last.kind,
                      printable_line(last.name));
  return text;
}

int print_plan(const study::StudyFile& study, const study::RunContext& context, const Json& options) {
  const std::vector<int64_t> nodes = asked_nodes(options);
  const bool trial = options["trial"].get<bool>();
  const std::vector<study::PlannedJob> jobs = study::plan(study, context, trial);
  if (options["format"] == "json") {
    const Json list = jobs_json(jobs);
    std::cout << json_text(nodes.empty() ? list : Json{{"jobs", list}, {"on_nodes", nodes_json(jobs, nodes)}}, 2)
              << "\n";
  } else {
    std::cout << jobs_text(jobs, trial);
    if (!nodes.empty()) std::cout << nodes_text(jobs, nodes);
  }
  return program::kOk;
}

Json cells_json(const std::vector<study::CellState>& cells) {
  Json list = Json::array();
  for (const study::CellState& cell : cells) {
    list.push_back({{"cell", cell.id}, {"status", cell.status}, {"reason", cell.reason}});
  }
  return list;
}

std::string cells_text(const std::vector<study::CellState>& cells, const std::filesystem::path& folder) {
  std::vector<std::vector<std::string>> rows{{"cell", "status", "reason"}};
  for (const study::CellState& cell : cells) rows.push_back({cell.id, cell.status, cell.reason});
  return text_table(rows) + fmt::format("{} of {} cells done, in {}\n",
                                        std::ranges::count(cells, "ok", &study::CellState::status), cells.size(),
                                        printable_line(folder.string()));
}

/// The plan as it stands, also while it runs, then the cells.
int print_status(const study::StudyFile& study, const study::RunContext& context, const Json& options) {
  study::StudyState state = study::state(study, context);
  const auto queued = study::slurm_jobs(context.folder, *context.log);
  for (study::PlannedJob& job : state.jobs) {
    const auto found = queued.find(job.key);
    if (found == queued.end() || job.state == study::JobState::done_before) continue;
    if (job.worker.empty()) {
      job.worker = found->second.text();
    } else {
      job.worker += fmt::format(" (slurm {})", found->second.id);
    }
  }
  const std::optional<study::RunningJob>& running = state.running;
  if (options["format"] == "json") {
    Json now;
    if (running) {
      now = {{"key", running->key},     {"job", running->kind},        {"of", running->name},
             {"since", running->since}, {"process", running->process}, {"doing", running->doing}};
    }
    const Json all{{"jobs", jobs_json(state.jobs)}, {"cells", cells_json(state.cells)}, {"running", now}};
    std::cout << json_text(all, 2) << "\n";
    return program::kOk;
  }
  std::cout << jobs_text(state.jobs, false);
  if (running) {
    std::cout << printable_line(fmt::format("running: {} {}, since {}, by process {}{}", running->kind, running->name,
                                            running->since, running->process,
                                            running->doing.empty() ? "" : "; " + running->doing))
              << "\n";
  }
  std::cout << "\n" << cells_text(state.cells, context.folder);
  return program::kOk;
}

}  // namespace

int run_study_plan(const program::Invocation& invocation, const program::Environment& environment,
                   const runtime::Registry& runtimes, const steps::Registry& steps) {
  const Json options = lab_settings(invocation);
  const study::StudyFile study = read_study_of(invocation, environment, options);
  study::catalog_of(study, environment.device_folders);  // what `run` would refuse is refused here too
  const study::RunContext context = study_context(options, study, environment, runtimes, steps);
  if (invocation.command == "study status") return print_status(study, context, options);
  return print_plan(study, context, options);
}

}  // namespace quench::cli
