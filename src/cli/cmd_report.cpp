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
#include "report/compare.h"
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

using Records = std::vector<record::Record>;

/// Those that were measured, or forecast, as is wanted; all that failed.
Records wanted_rows(Records records, const std::string& rows) {
  if (rows == "all") return records;
  const bool forecast = rows == "forecast";
  std::erase_if(records,
                [&](const record::Record& one) { return report::is_ok(one) && report::is_forecast(one) != forecast; });
  if (records.empty()) fail(ErrorKind::config, "[cli] expected rows that are {} (--rows), got none", rows);
  return records;
}

/// A table for people, its rows means over seeds where there are several and no row of each is asked for.
std::string table_of(const Records& records, const std::string& format, const Json& options, const report::Kept& kept) {
  const auto titles = options["columns"].get<std::vector<std::string>>();
  const report::SeedMeans means = options["seeds"] == "mean" ? report::seed_means(records, kept) : report::SeedMeans();
  const bool merged = means.any();
  const Records& rows = merged ? means.records : records;
  const report::SeedMeans* const of = merged ? &means : nullptr;
  if (format == "md") return report::markdown(rows, titles, of);
  if (format == "latex") return report::latex(rows, titles, of);
  if (format == "csv") return report::csv_table(rows, titles, of);
  return report::table(rows, titles, of) + (titles.empty() ? report::findings_text(records, kept) : "");
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
    if (!options["columns"].empty() || options["rows"] != "all" || options["seeds"] != "mean") {
      fail(ErrorKind::config, "[cli] expected a table with --columns, --rows and --seeds, got the page, which has all");
    }
    report::PageOptions page;
    page.title = title_of(options, records);
    page.command = "quench report " + invocation.inputs.at(0) + " --format html";
    page.notes = study.notes;
    page.kept = kept;
    content = report::html(records, page);
    if (output.empty()) output = store.parent_path() / "report.html";
  } else {
    const Records rows = wanted_rows(records, options["rows"]);
    const bool whole = format == "json" || format == "jsonl" || (format == "csv" && options["columns"].empty());
    if (whole && !options["columns"].empty()) {
      fail(ErrorKind::config, "[cli] expected the format table, csv, md or latex with columns, got {}", format);
    }
    content = whole ? render(rows, format) : table_of(rows, format, options, kept);
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
