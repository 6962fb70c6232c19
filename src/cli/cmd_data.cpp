#include <algorithm>
#include <atomic>
#include <future>
#include <iostream>
#include <map>

#include "cli/fetch_source.h"
#include "cli/lab_commands.h"
#include "cli/print.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json_text.h"
#include "core/processors.h"
#include "core/task.h"
#include "core/text.h"
#include "data/sets/catalog.h"
#include "data/sets/find.h"
#include "data/sets/open.h"

namespace quench::cli {
namespace {

int list_data(const Json& options, const std::filesystem::path& root) {
  std::vector<std::vector<std::string>> rows{{"name", "description", "found", "to get it"}};
  Json list = Json::array();
  for (const data::CatalogEntry& entry : data::catalog(root)) {
    rows.push_back({entry.name, entry.description, entry.found.empty() ? "no" : entry.found, entry.how_to_get});
    list.push_back({{"name", entry.name},
                    {"description", entry.description},
                    {"found", entry.found},
                    {"how_to_get", entry.how_to_get}});
  }
  std::cout << (options["format"] == "json" ? json_text(list, 2) + "\n" : text_table(rows));
  return program::kOk;
}

int show_data(const program::Invocation& invocation, const Json& options, const std::filesystem::path& root,
              const program::Environment& environment) {
  const std::filesystem::path output = require_output(options, invocation);
  const data::Splits splits =
      data::open(invocation.inputs.at(0), root, data::Opening{.log = environment.log, .cancel = environment.cancel});
  const data::Dataset& split = options["split"] == "train" ? *splits.train : *splits.test;
  write_file(output, data::contact_sheet(split, options["count"].get<int64_t>(),
                                         labels_of(split.task()) == Labels::objects ? 4 : 8));
  environment.log.info(
      fmt::format("wrote {}: {} of {}, {}", output.string(), std::min(options["count"].get<int64_t>(), split.size()),
                  counted(split.size(), "image"), counted(std::ssize(split.classes()), "class", "classes")));
  return program::kOk;
}

/// What a split holds, and what is wrong with it.
struct Findings {
  std::string split;
  std::string task;
  int64_t images = 0;
  int64_t background = 0;  ///< images without objects
  int64_t objects = 0;
  int64_t crowds = 0;  ///< of the objects
  int64_t classes = 0;
  std::vector<data::LabelIssue> issues;
  std::map<std::string, int64_t> kinds;
};

/// Decodes every image file of the split; an issue for each that cannot be read.
std::vector<data::LabelIssue> unreadable(const data::Dataset& split, const CancelToken* cancel) {
  std::vector<std::string> problems(static_cast<size_t>(split.size()));
  std::atomic<int64_t> next = 0;
  std::vector<std::future<void>> workers;
  for (int i = usable_processors(); i > 0; --i) {
    workers.push_back(std::async(std::launch::async, [&] {
      for (int64_t index = next++; index < split.size(); index = next++) {
        if (cancel) cancel->check();
        if (split.file(index).empty()) continue;  // in no file of its own
        try {
          split.at(index);
        } catch (const Error& error) {  // an outcome that this command is for
          if (error.kind() != ErrorKind::data) throw;
          problems[static_cast<size_t>(index)] = error.what();
        }
      }
    }));
  }
  for (std::future<void>& worker : workers) worker.get();
  std::vector<data::LabelIssue> issues;
  for (int64_t i = 0; i < split.size(); ++i) {
    const std::string& problem = problems[static_cast<size_t>(i)];
    if (!problem.empty()) issues.push_back({split.file(i).string(), 0, problem, "image"});
  }
  return issues;
}

Findings findings_of(const std::string& name, const data::Dataset& split, bool decode, const CancelToken* cancel) {
  Findings out;
  out.split = name;
  out.task = split.task();
  out.images = split.size();
  out.classes = static_cast<int64_t>(split.classes().size());
  out.issues = split.issues();
  const bool objects = labels_of(out.task) == Labels::objects;
  for (int64_t i = 0; i < split.size(); ++i) {
    if (cancel) cancel->check();
    if (objects) {
      const std::vector<data::Object> held = split.objects(i);
      out.background += held.empty();
      out.objects += static_cast<int64_t>(held.size());
      for (const data::Object& object : held) out.crowds += object.crowd;
    }
  }
  if (decode) {
    for (data::LabelIssue& issue : unreadable(split, cancel)) out.issues.push_back(std::move(issue));
  }
  for (const data::LabelIssue& issue : out.issues) ++out.kinds[issue.kind];
  return out;
}

Json to_json(const Findings& findings) {
  Json kinds = Json::object(), issues = Json::array();
  for (const auto& [kind, count] : findings.kinds) kinds[kind] = count;
  for (const data::LabelIssue& issue : findings.issues) {
    issues.push_back({{"file", issue.file}, {"line", issue.line}, {"kind", issue.kind}, {"problem", issue.problem}});
  }
  return {{"split", findings.split},
          {"images", findings.images},
          {"background", findings.background},
          {"objects", findings.objects},
          {"crowds", findings.crowds},
          {"classes", findings.classes},
          {"kinds", kinds},
          {"issues", issues}};
}

void print_findings(const std::vector<Findings>& all) {
  std::vector<std::vector<std::string>> counts{
      {"split", "images", "background", "objects", "crowds", "classes", "issues"}};
  std::vector<std::vector<std::string>> kinds{{"split", "kind", "issues"}};
  std::vector<std::vector<std::string>> issues{{"file", "line", "kind", "problem"}};
  for (const Findings& one : all) {
    counts.push_back({one.split, std::to_string(one.images), std::to_string(one.background),
                      std::to_string(one.objects), std::to_string(one.crowds), std::to_string(one.classes),
                      std::to_string(one.issues.size())});
    for (const auto& [kind, count] : one.kinds) kinds.push_back({one.split, kind, std::to_string(count)});
    for (const data::LabelIssue& issue : one.issues) {
      issues.push_back({issue.file, issue.line ? std::to_string(issue.line) : "", issue.kind, issue.problem});
    }
  }
  std::cout << text_table(counts);
  if (issues.size() > 1) std::cout << "\n" << text_table(kinds) << "\n" << text_table(issues);
}

int check_data(const program::Invocation& invocation, const Json& options, const std::filesystem::path& root,
               const program::Environment& environment) {
  const data::Splits splits =
      data::open(invocation.inputs.at(0), root, data::Opening{.log = environment.log, .cancel = environment.cancel});
  for (const std::string& note : splits.notes) environment.log.warning(note);
  const bool decode = options["images"].get<bool>();
  std::vector<Findings> all;
  if (splits.same_images) {
    all.push_back(findings_of("train = test", *splits.train, decode, environment.cancel));
  } else {
    all.push_back(findings_of("train", *splits.train, decode, environment.cancel));
    all.push_back(findings_of("test", *splits.test, decode, environment.cancel));
  }
  if (splits.validation) all.push_back(findings_of("validation", *splits.validation, decode, environment.cancel));
  if (options["format"] == "json") {
    Json list = Json::array();
    for (const Findings& one : all) list.push_back(to_json(one));
    const Json out{{"name", splits.name},
                   {"task", splits.train->task()},
                   {"same_images", splits.same_images},
                   {"notes", splits.notes},
                   {"splits", list}};
    std::cout << json_text(out, 2) << "\n";
  } else {
    print_findings(all);
  }
  const bool wrong = std::any_of(all.begin(), all.end(), [](const Findings& one) { return !one.issues.empty(); });
  return wrong && options["strict"].get<bool>() ? program::kCellFailed : program::kOk;
}

}  // namespace

int run_data(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = lab_settings(invocation);
  const std::filesystem::path root = data::root_of(options, environment.data_root);
  if (invocation.command == "data list") return list_data(options, root);
  if (invocation.command == "data show") return show_data(invocation, options, root, environment);
  if (invocation.command == "data check") return check_data(invocation, options, root, environment);
  return fetch_source(invocation, options, sources::Kind::data, root, environment);
}

}  // namespace quench::cli
