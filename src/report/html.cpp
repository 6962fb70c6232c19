#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/escape_html.h"
#include "report/asset.h"
#include "report/chart_points.h"
#include "report/columns.h"
#include "report/compare.h"
#include "report/format.h"
#include "report/html_section.h"
#include "report/optional_values.h"
#include "report/page_head.h"
#include "report/report.h"

namespace quench::report {

using record::Record;

namespace {

template <typename Get>
std::vector<std::string> distinct_values(const std::vector<Record>& records, Get get) {
  std::vector<std::string> seen;
  for (const Record& record : records) {
    const std::string text = get(record);
    if (!text.empty() && std::find(seen.begin(), seen.end(), text) == seen.end()) seen.push_back(text);
  }
  return seen;
}

template <typename Get>
std::string distinct(const std::vector<Record>& records, Get get) {
  return fmt::format("{}", fmt::join(distinct_values(records, get), ", "));
}

std::string time_range(const std::vector<Record>& records) {
  std::set<std::string> times;
  for (const Record& record : records) {
    if (record.time) times.insert(*record.time);
  }
  if (times.empty()) return "";
  return times.size() == 1 ? *times.begin() : *times.begin() + " to " + *times.rbegin();
}

std::string provenance(const std::vector<Record>& records, const PageOptions& options) {
  std::string out = "<dl class=\"provenance\">\n";
  const auto add = [&](const char* title, const std::string& text, bool code = false) {
    if (text.empty()) return;
    out += fmt::format("<div><dt>{}</dt><dd>{}{}{}</dd></div>\n", title, code ? "<code>" : "", escape_html(text),
                       code ? "</code>" : "");
  };
  add("Data", distinct(records, [](const Record& r) { return text_of(r.data); }));
  add("Test images", distinct(records, [](const Record& r) { return text_of(r.samples); }));
  add("Host", distinct(records, [](const Record& r) { return text_of(r.host); }));
  add("Device", distinct(records, [](const Record& r) { return text_of(r.device); }));
  add("Runtimes", distinct(records, [](const Record& r) { return text_of(r.runtime); }));
  add("Threads", distinct(records, [](const Record& r) { return text_of(r.threads); }));
  add("Seeds", distinct(records, [](const Record& r) { return text_of(r.seed); }));
  add("quench", distinct(records, [](const Record& r) { return text_of(r.quench_version); }));
  add("Made", time_range(records));
  add("Latency samples", distinct(records, [](const Record& r) { return text_of(r.latency_samples); }));
  add("Command", options.command, true);
  return out + "</dl>\n";
}

std::string notes(const std::vector<Record>& records, const PageOptions& options, bool with_charts) {
  std::vector<std::string> lines = options.notes;
  if (!with_charts) {
    lines.emplace_back("Charts were left out: this quench was built without ECharts (scripts/fetch_echarts.sh).");
  }
  const auto places = distinct_values(records, [](const Record& r) {
    return r.latency_p50_ns ? text_of(r.host) + "\n" + text_of(r.device) + "\n" + text_of(r.threads) : "";
  });
  if (places.size() > 1) {
    lines.emplace_back(
        "Latencies were taken on more than one machine or at more than one thread count: compare them within one.");
  }
  if (std::ranges::any_of(sections(records), [](const Section& section) {
        return timed_sets(ok_records(section.records), section.metric).size() > 1;
      })) {
    lines.emplace_back(
        "Not all rows were timed together: speed-ups, \"fastest\" and the Pareto fronts of latency are within one "
        "group of rows that were.");
  }
  if (lines.empty()) return "";
  std::string out = "<ul class=\"notes\">\n";
  for (const std::string& line : lines) out += "<li>" + escape_html(line) + "</li>\n";
  return out + "</ul>\n";
}

/// A record's effective configuration, without what sets apart the rows that one model has on several runtimes.
Json config_of_model(const Record& record) {
  Json config = record.config.is_object() ? record.config : Json::object();
  for (const char* name : {"runtime", "threads", "device"}) config.erase(name);
  return config;
}

/// What made each row: files by their hash, and the effective configuration. Rows of one model and configuration, on
/// several runtimes or with several numbers of threads, have one entry.
std::string details(const std::vector<Record>& records) {
  struct Entry {
    std::string text;
    std::vector<std::string> rows;
  };
  std::vector<Entry> entries;
  std::map<std::string, size_t> known;
  for (const Record& record : records) {
    const Json config = config_of_model(record);
    std::string text;
    const auto add = [&](const char* title, const std::optional<std::string>& value) {
      if (value) text += fmt::format("{} {}\n", title, *value);
    };
    add("layer_bits", record.layer_bits);
    add("model_sha256", record.model_sha256);
    add("parent_sha256", record.parent_sha256);
    add("calibration_sha256", record.calibration_sha256);
    if (!config.empty()) text += "config " + config.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
    if (text.empty()) continue;
    const auto [found, is_new] = known.try_emplace(text, entries.size());
    if (is_new) entries.push_back({text, {}});
    entries[found->second].rows.push_back(record.cell.value_or(label(record)));
  }
  std::string out = "<section class=\"made\">\n<h2>What made each row</h2>\n";
  for (const Entry& entry : entries) {
    out += fmt::format("<details><summary>{}</summary><pre>{}</pre></details>\n",
                       escape_html(fmt::format("{}", fmt::join(entry.rows, ", "))), escape_html(entry.text));
  }
  return out + "</section>\n";
}

constexpr char kFoot[] =
    "<footer><p>Accuracies are on the test images that the head of the page counts; intervals in the table of rows are "
    "95 %: Wilson score intervals of top-1, bootstrap percentiles of mAP. Latency: batch 1, "
    "after "
    "a warm-up until stable, no sample left out. GFLOPs: 2 x multiply-accumulates of convolutions and linear layers, "
    "batch "
    "norm folded. MB: 10^6 bytes. A row is on a Pareto front where no other row (of latencies: none that was timed "
    "with it) is at most as costly and at least as "
    "accurate, and better in one.</p></footer>\n";

}  // namespace

std::string html(const std::vector<Record>& records, const PageOptions& options) {
  const bool with_charts = !asset::echarts().empty();
  const std::string title = options.title.empty() ? "quench report" : options.title;
  std::string out = page_head(title);
  out += fmt::format("<main>\n<header>\n<h1>{}</h1>\n", escape_html(title));
  out += provenance(records, options) + notes(records, options, with_charts) + "</header>\n";
  const std::vector<Section> parts = sections(records);
  if (parts.empty()) out += "<p class=\"empty\">No records.</p>\n";
  for (size_t i = 0; i < parts.size(); ++i) out += section_html(parts[i], i, with_charts, options.kept);
  out += details(records) + kFoot + "</main>\n";
  if (with_charts) out += fmt::format("<script>\n{}\n</script>\n", asset::echarts());
  out += fmt::format("<script>\n{}{}</script>\n</body>\n</html>\n", asset::table_script(), asset::page_script());
  return out;
}

}  // namespace quench::report
