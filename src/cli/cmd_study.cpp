#include <iostream>

#include "cli/kept_beside.h"
#include "cli/lab_commands.h"
#include "cli/print.h"
#include "cli/study_context.h"
#include "cli/study_executors.h"
#include "core/file.h"
#include "core/json_text.h"
#include "core/printable.h"
#include "core/text.h"
#include "inference/registry.h"
#include "report/findings.h"
#include "report/report.h"
#include "study/run.h"

namespace quench::cli {
namespace fs = std::filesystem;

namespace {

int write_page(const study::StudyFile& study, const study::RunContext& context, const study::RunSummary& summary,
               const std::string& file, const std::string& format, const LogSink& log) {
  const fs::path& folder = context.folder;
  Json cells = Json::array();
  for (const record::Record& record : summary.records) cells.push_back(*record.cell);
  const Json left{{"notes", summary.notes}, {"cells", cells}};  // for `quench report`
  write_file(folder / "page.json", json_text(left, 2) + "\n");
  report::PageOptions page;
  page.title = study.name;
  page.command = fmt::format("quench study run {}", file);
  page.notes = summary.notes;
  page.kept = kept_beside(folder, log);
  write_file(folder / "report.html", report::html(summary.records, page));
  log.info(fmt::format("{} done now, {} done before, {} failed or unsupported{}", counted(summary.ran, "cell"),
                       summary.skipped, summary.failed,
                       summary.open > 0 ? fmt::format(", {} not done yet", summary.open) : ""));
  std::cout << render(summary.records, format);
  if (format == "table")
    std::cout << report::findings_text(summary.records, page.kept)
              << "\nreport: " << printable_line(fs::absolute(folder / "report.html").string()) << "\n";
  return summary.failed || summary.open ? program::kCellFailed : program::kOk;
}

}  // namespace

int run_study(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = lab_settings(invocation);
  const std::string file = invocation.inputs.at(0);
  const study::StudyFile study = read_study_of(invocation, environment, options);
  const runtime::Registry registry = inference::full_registry(environment.places);
  const steps::Registry step_registry = steps::registry();
  const study::RunContext context = study_context(options, study, environment, registry, step_registry);
  bool submitted = false;
  const study::RunOptions how = run_options(options, file, study, context, environment, submitted);
  const study::RunSummary summary = study::run(study, context, how);
  if (submitted) return program::kOk;  // the last of the jobs writes the page
  return write_page(study, context, summary, file, options["format"], environment.log);
}

int run_study_collect(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = lab_settings(invocation);
  const study::StudyFile study = read_study_of(invocation, environment, options);
  const runtime::Registry registry = inference::full_registry(environment.places);
  const steps::Registry step_registry = steps::registry();
  const study::RunContext context = study_context(options, study, environment, registry, step_registry);
  const study::RunSummary summary = study::run(
      study, context, {.elsewhere = [](const study::OpenJobs&) {}, .locks = false, .retry = study::Retry::none});
  return write_page(study, context, summary, invocation.inputs.at(0), options["format"], environment.log);
}

}  // namespace quench::cli
