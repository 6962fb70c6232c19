#include <iostream>

#include "cli/lab_commands.h"
#include "cli/print.h"
#include "core/file.h"
#include "inference/registry.h"
#include "report/report.h"
#include "study/predictions.h"
#include "study/run.h"
#include "study/stages.h"

namespace quench::cli {
namespace {

namespace fs = std::filesystem;

fs::path results_folder(const Json& options, const study::StudyFile& study) {
  return options["out"].is_string() ? fs::path(options["out"].get<std::string>()) : fs::path("results") / study.name;
}

int print_states(const study::StudyFile& study, const fs::path& folder, const Json& options) {
  const std::vector<study::CellState> states = study::status(study, folder);
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

}  // namespace

int run_study(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = lab_settings(invocation);
  const std::string file = invocation.inputs.at(0);
  const study::StudyFile study = study::read_study(file);
  const fs::path folder = results_folder(options, study);
  if (invocation.command != "study run") {
    study::catalog_of(study, environment.device_folders);  // what `run` would refuse is refused here too
    return print_states(study, folder, options);
  }

  const runtime::Registry registry = inference::full_registry(environment.places);
  const fs::path data_root = study::data_root_of(options, environment.data_root);
  study::RunContext context{folder, data_root, environment.version, &registry, &environment.log, environment.cancel};
  context.device_folders = environment.device_folders;
  context.program_folder = environment.places.program_folder;
  if (options["stages"].is_string()) context.stages = options["stages"].get<std::string>();
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
