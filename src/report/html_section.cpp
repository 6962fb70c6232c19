#include "report/html_section.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "core/escape_html.h"
#include "report/chart.h"
#include "report/columns.h"
#include "report/findings_html.h"
#include "report/format.h"
#include "report/html_element.h"
#include "report/tiles.h"

namespace quench::report {

using record::Record;

namespace {

/// Places for the charts of the first view, which page.js fills, and those of the others.
std::string chart_blocks(const ChartView& view, size_t index) {
  std::string out = fmt::format(
      "<div class=\"views\" data-section=\"{0}\"></div>\n<div class=\"keys\" data-section=\"{0}\" role=\"group\" "
      "aria-label=\"Methods and models that the charts show\"></div>\n<div class=\"charts\">\n",
      index);
  for (size_t i = 0; i < view.charts.size(); ++i) {
    const Chart& chart = view.charts[i];
    const std::string title = fmt::format("{} vs {}", chart.heading(), title_of(view.metric));
    out += fmt::format("<figure data-section=\"{}\" data-chart=\"{}\">", index, i) + element("figcaption", "", title) +
           fmt::format("<div class=\"chart\" role=\"img\" aria-label=\"{}\"></div>", escape_html(title));
    for (const std::string& note : chart_notes(chart)) out += element("p", "class=\"chart-note\"", note);
    out += "</figure>\n";
  }
  return out + "</div>\n";
}

/// For each row, the charts on whose Pareto front it stands, by their first letters.
std::vector<std::string> fronts_of_rows(const std::vector<Chart>& charts, size_t rows) {
  std::vector<std::string> result(rows);
  for (const Chart& chart : charts) {
    for (const Front& front : chart.fronts) {
      for (const size_t i : front.points) {
        for (const size_t row : chart.points[i].rows) {
          std::string& text = result[row];
          text += (text.empty() ? "" : " ") + chart.title.substr(0, 1);
        }
      }
    }
  }
  return result;
}

std::string front_help(const std::vector<Chart>& charts) {
  std::string text = "Pareto fronts that the row is on:";
  bool groups = false;
  std::set<std::string> known;  // forecasts have a chart for each runtime and device
  for (const Chart& chart : charts) {
    if (known.insert(chart.title).second) text += " " + chart.title.substr(0, 1) + " = " + chart.title;
    groups = groups || chart.fronts.size() > 1;
  }
  return text + (groups ? "; of latencies, the front of the rows that were timed together." : ".");
}

/// What a cell says to who points at it: its mark, more of it, or what it is against ("Against row 1: yolov5n-cls /
/// fp32 / native."); empty: nothing.
std::string cell_title(const Column& column, size_t row, const std::vector<Record>& rows) {
  if (!column.marks.empty() && !column.marks[row].empty()) return column.marks[row];
  if (!column.details.empty() && !column.details[row].empty()) return column.details[row];
  const auto baseline = column.against.empty() ? std::nullopt : column.against[row];
  return baseline ? fmt::format("Against row {}: {}.", *baseline + 1, label(rows[*baseline])) : "";
}

/// A file's path is for the screen: on paper it would take the width of all else.
bool is_path(const Column& column) { return column.title == "Artifact"; }

std::string cell_html(const Column& column, size_t row, const std::vector<Record>& rows) {
  const std::string mark = column.marks.empty() ? "" : column.marks[row];
  const std::string title = cell_title(column, row, rows);
  std::string classes = column.numeric ? "number" : "";
  if (column.title == "Delta" && column.values[row]) classes += *column.values[row] < 0 ? " worse" : " better";
  if (!mark.empty()) classes += " marked";
  if (is_path(column)) classes += " path";
  constexpr size_t kLong = 40;
  if (!column.numeric && column.cells[row].size() > kLong) classes += " long";
  if (classes.starts_with(' ')) classes.erase(0, 1);
  std::string attributes = classes.empty() ? "" : fmt::format("class=\"{}\"", classes);
  if (column.numeric && column.values[row]) attributes += fmt::format(" data-value=\"{}\"", *column.values[row]);
  if (!title.empty()) attributes += fmt::format(" title=\"{}\"", escape_html(title));
  return element("td", attributes, (column.cells[row].empty() ? "-" : column.cells[row]) + (mark.empty() ? "" : " *"));
}

/// For each row, the number of the float32 row that its accuracy and speed are against: "1", or "1, 2" where they are
/// two.
std::vector<std::string> baselines_of_rows(const Columns& shown, size_t rows) {
  std::vector<std::string> result(rows);
  for (size_t i = 0; i < rows; ++i) {
    std::set<size_t> against;
    for (const Column& column : shown.columns) {
      if (!column.against.empty() && column.against[i]) against.insert(*column.against[i] + 1);
    }
    result[i] = fmt::format("{}", fmt::join(against, ", "));
  }
  return result;
}

/// The first column that compares: which rows they are against stands after it.
size_t place_of_baseline(const Columns& shown) {
  const auto found = std::ranges::find_if(shown.columns, [](const Column& column) { return !column.against.empty(); });
  return static_cast<size_t>(found - shown.columns.begin());
}

std::string table_html(const std::vector<Record>& rows, const std::vector<Chart>& charts, size_t index) {
  const Columns shown = columns(rows);
  const std::vector<std::string> fronts = fronts_of_rows(charts, rows.size());
  std::string out =
      "<div class=\"scroll wide\" tabindex=\"0\" role=\"region\" aria-label=\"All rows\">\n<table "
      "class=\"sortable\">\n<thead><tr>";
  const auto head = [&](const Column& column) {
    out += fmt::format("<th scope=\"col\"{} title=\"{}\">{}{}</th>",
                       column.numeric    ? " class=\"number\""
                       : is_path(column) ? " class=\"path\""
                                         : "",
                       escape_html(column.help), escape_html(column.title),
                       column.unit.empty() ? "" : " " + element("span", "class=\"unit\"", column.unit));
  };
  const std::vector<std::string> baselines = baselines_of_rows(shown, rows.size());
  const bool has_baselines = std::ranges::any_of(baselines, [](const std::string& text) { return !text.empty(); });
  head({"Row", "", "Number of the row.", true, {}, {}});
  const size_t after = place_of_baseline(shown);
  for (size_t c = 0; c < shown.columns.size(); ++c) {
    head(shown.columns[c]);
    if (has_baselines && c == after) {
      head({"Baseline", "", "The float32 row that Delta and Speed-up are against.", false, {}, {}});
    }
  }
  head({"Front", "", front_help(charts), false, {}, {}});
  out += "</tr></thead>\n<tbody>\n";
  for (size_t i = 0; i < rows.size(); ++i) {
    out += fmt::format("<tr id=\"{}\">", row_id(index, i)) +
           element("td", fmt::format("class=\"number\" data-value=\"{}\"", i + 1), std::to_string(i + 1));
    for (size_t c = 0; c < shown.columns.size(); ++c) {
      out += cell_html(shown.columns[c], i, rows);
      if (has_baselines && c == after) out += element("td", "", baselines[i].empty() ? "-" : "row " + baselines[i]);
    }
    out += element("td", "class=\"fronts\"", fronts[i].empty() ? "-" : fronts[i]) + "</tr>\n";
  }
  out += "</tbody>\n</table>\n</div>\n";
  if (!shown.shared.empty()) {
    std::string line = "All rows: ";
    for (size_t i = 0; i < shown.shared.size(); ++i) {
      line += (i == 0 ? "" : ", ") + shown.shared[i].title + " " + shown.shared[i].text;
    }
    out += element("p", "class=\"shared\"", line + ".");
  }
  return out;
}

std::string others_html(const std::vector<Record>& others) {
  std::string out =
      "<h3>Without a result</h3>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Without a "
      "result\">\n<table>\n<thead><tr>";
  out +=
      "<th scope=\"col\">Cell</th><th scope=\"col\">Status</th><th scope=\"col\">Reason</th></tr></thead>\n<tbody>\n";
  const std::vector<std::string> names = labels_apart(others);
  for (size_t i = 0; i < others.size(); ++i) {
    out += "<tr>" + element("td", "", names[i]) + element("td", "", others[i].status) +
           element("td", "class=\"reason\"", others[i].reason.value_or("none was given")) + "</tr>\n";
  }
  return out + "</tbody>\n</table>\n</div>\n";
}

}  // namespace

std::string script_json(const Json& json) {
  const std::string text = json.dump(-1, ' ', true, Json::error_handler_t::replace);
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '<': out += "\\u003c"; break;
      case '>': out += "\\u003e"; break;
      case '&': out += "\\u0026"; break;
      default: out += c;
    }
  }
  return out;
}

std::string section_html(const Section& section, size_t index, bool with_charts, const Kept& kept) {
  const std::vector<Record> rows = ok_records(section.records);
  const std::vector<Record> others = other_records(section.records);
  std::string out = "<section>\n" + element("h2", "", section.title) + "\n";
  if (!rows.empty()) {
    const std::vector<Metric> metrics = metrics_of(section);  // the section's first
    const MethodComparison comparison = compare_methods(rows, section.metric, kept.outcomes);
    std::vector<MethodMeans> means{comparison};
    for (size_t m = 1; m < metrics.size(); ++m) means.push_back(method_means(rows, metrics[m], kept.outcomes));
    const std::vector<LatencyRatio> ratios = latency_ratios(rows, section.metric, kept.rounds);
    const std::vector<ChartView> views = chart_views(rows, metrics, means);
    const std::vector<Chart> drawn = charts(rows, section.metric, &comparison);
    out += best_rows_html(rows, section.metric);
    out += findings_html(rows, section.metric, comparison, ratios, index);
    if (with_charts) {
      out += fmt::format("<script type=\"application/json\" class=\"chart-data\" data-section=\"{}\">{}</script>\n",
                         index, script_json(chart_json(rows, views)));
      out +=
          fmt::format("<div class=\"choose\" data-section=\"{}\"></div>\n", index) + chart_blocks(views.front(), index);
    }
    out += "<h3>All rows</h3>\n" + table_html(rows, drawn, index);
  }
  if (!others.empty()) out += others_html(others);
  return out + "</section>\n";
}

}  // namespace quench::report
