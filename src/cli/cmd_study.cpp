#include <iostream>

#include "cli/kept_beside.h"
#include "cli/lab_commands.h"
#include "cli/print.h"
#include "cli/study_context.h"
#include "core/file.h"
#include "core/json_text.h"
#include "core/printable.h"
#include "core/text.h"
#include "data/sets/find.h"
#include "inference/registry.h"
#include "report/findings.h"
#include "report/report.h"
#include "study/run.h"

namespace quench::cli {
namespace fs = std::filesystem;

int run_study(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = lab_settings(invocation);
  const std::string file = invocation.inputs.at(0);
  const study::StudyFile study = study::read_study(
      file, {data::root_of(options, environment.data_root), environment.places.cache_folder}, environment.log);
  const runtime::Registry registry = inference::full_registry(environment.places);
  const steps::Registry step_registry = steps::registry();
  const study::RunContext context = study_context(options, study, environment, registry, step_registry);
  const fs::path& folder = context.folder;
  const study::RunSummary summary = study::run(study, context);

  Json cells = Json::array();
  for (const record::Record& record : summary.records) cells.push_back(*record.cell);
  const Json left{{"notes", summary.notes}, {"cells", cells}};  // for `quench report`
  write_file(folder / "page.json", json_text(left, 2) + "\n");
  report::PageOptions page;
  page.title = study.name;
  page.command = fmt::format("quench study run {}", file);
  page.notes = summary.notes;
  page.kept = kept_beside(folder, environment.log);
  write_file(folder / "report.html", report::html(summary.records, page));
  environment.log.info(fmt::format("{} done now, {} done before, {} failed or unsupported",
                                   counted(summary.ran, "cell"), summary.skipped, summary.failed));
  std::cout << render(summary.records, options["format"]);
  if (options["format"] == "table")
    std::cout << report::findings_text(summary.records, page.kept)
              << "\nreport: " << printable_line(fs::absolute(folder / "report.html").string()) << "\n";
  return summary.failed ? program::kCellFailed : program::kOk;
}

}  // namespace quench::cli
