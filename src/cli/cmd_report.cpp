#include <filesystem>
#include <iostream>

#include "cli/base_commands.h"
#include "cli/print.h"
#include "core/error.h"
#include "core/file.h"
#include "record/store.h"
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

}  // namespace

int run_report(const Invocation& invocation, const Environment& environment) {
  const Json options = settings(command("report"), Json::object(), invocation);
  const fs::path store = find_store(invocation.inputs.at(0));
  const record::Loaded loaded = record::load(store);
  for (const std::string& warning : loaded.warnings) environment.log.warning(warning);
  const std::vector<record::Record> records = record::latest(loaded.records);
  if (records.empty()) fail(ErrorKind::data, "[cli] expected at least one record in {}, got none", store.string());

  const std::string format = options["format"];
  std::string content;
  fs::path output = options["output"].is_string() ? fs::path(options["output"].get<std::string>()) : fs::path();
  if (format == "html") {
    report::PageOptions page;
    page.title = title_of(options, records);
    page.command = "quench report " + invocation.inputs.at(0) + " --format html";
    const fs::path notes = store.parent_path() / "notes.json";
    if (fs::exists(notes)) page.notes = read_json(notes).get<std::vector<std::string>>();
    content = report::html(records, page);
    if (output.empty()) output = store.parent_path() / "report.html";
  } else {
    content = render(records, format);
  }
  if (output.empty()) {
    std::cout << content;
  } else {
    write_file(output, content);
    environment.log.info(fmt::format("wrote {}", output.string()));
  }
  return kOk;
}

}  // namespace quench::cli
