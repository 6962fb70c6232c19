#include <filesystem>
#include <iostream>

#include "cli/base_commands.h"
#include "cli/commands.h"
#include "cli/kept_beside.h"
#include "cli/print.h"
#include "cli/report_charts.h"
#include "core/error.h"
#include "core/file.h"
#include "record/store.h"
#include "report/bibliography.h"
#include "report/findings.h"
#include "report/report.h"

namespace quench::cli {
namespace {

namespace fs = std::filesystem;

/// STUDY: the folder of results, its records.jsonl, or the name of a study under results/.
fs::path find_store(const std::string& argument) {
  for (const fs::path& path :
       {fs::path(argument) / "records.jsonl", fs::path(argument), fs::path("results") / argument / "records.jsonl"}) {
    if (fs::is_regular_file(path)) return path;
  }
  fail(ErrorKind::io, "[cli] expected a folder with records.jsonl, such a file, or a study under results/, got {}",
       argument);
}

std::string title_of(const Json& options, const std::vector<record::Record>& records) {
  if (options["title"].is_string()) return options["title"];
  return records.empty() ? "quench" : records.front().study.value_or("quench");
}

/// What `study run` left for a report: its notes, and which records belong to it now.
struct Page {
  std::vector<std::string> notes;
  std::vector<std::string> cells;  ///< empty: all
};

/// Of all records, with a warning, where the file is not one that a study wrote.
Page page_of(const fs::path& file, const LogSink& log) {
  if (!fs::exists(file)) return {};
  try {
    const Json json = read_json(file);
    return {json.at("notes").get<std::vector<std::string>>(), json.at("cells").get<std::vector<std::string>>()};
  } catch (const std::exception&) {
    log.warning(fmt::format("{} is not what a study writes: all records are shown, without its notes", file.string()));
    return {};
  }
}

}  // namespace

int run_report(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = program::settings(command("report"), Json::object(), invocation);
  const fs::path store = find_store(invocation.inputs.at(0));
  const record::Loaded loaded = record::load(store);
  if (loaded.records.empty() && !loaded.warnings.empty()) {
    fail(ErrorKind::data, "[cli] expected at least one record in {}, got none: {}", store.string(), loaded.warnings[0]);
  }
  record::tell_skipped(loaded, environment.log);
  const Page study = page_of(store.parent_path() / "page.json", environment.log);
  const std::vector<record::Record> records = record::of_cells(record::latest(loaded.records), study.cells);
  if (records.empty()) fail(ErrorKind::data, "[cli] expected at least one record in {}, got none", store.string());

  const report::Kept kept = kept_beside(store.parent_path(), environment.log);
  const std::string format = options["format"];
  std::string content;
  fs::path output = options["output"].is_string() ? fs::path(options["output"].get<std::string>()) : fs::path();
  if (format == "html") {
    report::PageOptions page;
    page.title = title_of(options, records);
    page.command = "quench report " + invocation.inputs.at(0) + " --format html";
    page.notes = study.notes;
    page.kept = kept;
    content = report::html(records, page);
    if (output.empty()) output = store.parent_path() / "report.html";
  } else {
    const auto titles = options["columns"].get<std::vector<std::string>>();
    content = render(records, format, titles);
    if (format == "table" && titles.empty()) content += report::findings_text(records, kept);
  }
  if (options["charts"].is_string()) write_charts(records, options, kept.outcomes, environment.log);
  if (options["bibtex"].is_string()) {
    const fs::path file = options["bibtex"].get<std::string>();
    write_file(file, report::bibtex(records));
    environment.log.info(fmt::format("wrote {}", file.string()));
  }
  if (output.empty()) {
    std::cout << content;
  } else {
    write_file(output, content);
    environment.log.info(fmt::format("wrote {}", output.string()));
  }
  return program::kOk;
}

}  // namespace quench::cli
