#include "report/html_section.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/chart.h"
#include "report/columns.h"
#include "report/format.h"

namespace quench::report {

using record::Record;

namespace {

std::string element(const char* name, const std::string& attributes, const std::string& text) {
  return fmt::format("<{0}{1}{2}>{3}</{0}>", name, attributes.empty() ? "" : " ", attributes, escape_html(text));
}

std::string tile(const std::string& title, const std::string& value, const std::string& unit, const Record& record) {
  return "<div class=\"tile\">" + element("div", "class=\"tile-title\"", title) + "<div class=\"tile-value\">" +
         escape_html(value) + (unit.empty() ? "" : element("span", "class=\"unit\"", unit)) + "</div>" +
         element("div", "class=\"tile-note\"", label(record)) + "</div>\n";
}

/// The row with the least cost (of equals, the most accurate), among those of at least `floor` accuracy.
template <typename Cost>
const Record* least(const std::vector<Record>& rows, Metric metric, double floor, Cost cost) {
  const Record* best = nullptr;
  for (const Record& row : rows) {
    const auto accuracy = accuracy_of(row, metric);
    if (!cost(row) || !accuracy || *accuracy < floor) continue;
    if (best == nullptr || *cost(row) < *cost(*best) ||
        (*cost(row) == *cost(*best) && *accuracy > *accuracy_of(*best, metric))) {
      best = &row;
    }
  }
  return best;
}

std::string tiles(const std::vector<Record>& rows, Metric metric) {
  const auto weights = [](const Record& r) { return r.weights_bytes; };
  const auto miss = [&](const Record& r) { return std::optional<double>(-accuracy_of(r, metric).value_or(0)); };
  const auto ms = [](const Record& r) { return three_digits(static_cast<double>(*r.latency_p50_ns) * 1e-6); };
  std::string out;
  const Record* best = least(rows, metric, 0, miss);
  if (best == nullptr) return "";
  const double top = *accuracy_of(*best, metric);
  out += tile("Most accurate", fixed(100 * top, 2), "%", *best);
  const auto fastest = [&](const std::string& title, auto latency) {
    if (const Record* row = least(rows, metric, 0, latency)) out += tile(title, ms(*row), "ms", *row);
    if (const Record* row = least(rows, metric, top - 0.01, latency)) {
      out += tile(title + " within 1 point of the best", ms(*row), "ms", *row);
    }
  };
  fastest("Fastest", measured_latency);
  fastest("Fastest forecast", forecast_latency);
  if (const Record* row = least(rows, metric, 0, weights)) {
    out += tile("Smallest weights", three_digits(static_cast<double>(*row->weights_bytes) * 1e-6), "MB", *row);
  }
  return "<div class=\"tiles\">\n" + out + "</div>\n";
}

std::string chart_blocks(const std::vector<Chart>& charts, Metric metric, size_t index) {
  std::string out = fmt::format("<div class=\"keys\" data-section=\"{}\"></div>\n<div class=\"charts\">\n", index);
  for (size_t i = 0; i < charts.size(); ++i) {
    const std::string title = fmt::format("{} vs {}", charts[i].title, title_of(metric));
    out += "<figure>" + element("figcaption", "", title);
    if (charts[i].points.empty()) {
      out += element("p", "class=\"empty\"", "No record has both figures.");
    } else {
      out += fmt::format(
          "<div class=\"chart\" role=\"img\" aria-label=\"{}\" data-section=\"{}\" data-chart=\"{}\"></div>",
          escape_html(title), index, i);
    }
    out += "</figure>\n";
  }
  return out + "</div>\n";
}

/// For each row, the charts on whose Pareto front it stands, by their first letters.
std::vector<std::string> fronts_of_rows(const std::vector<Chart>& charts, size_t rows) {
  std::vector<std::string> result(rows);
  for (const Chart& chart : charts) {
    for (const size_t i : chart.front) {
      std::string& text = result[chart.points[i].row];
      text += (text.empty() ? "" : " ") + chart.title.substr(0, 1);
    }
  }
  return result;
}

std::string front_help(const std::vector<Chart>& charts) {
  std::string text = "Pareto fronts that the row is on:";
  for (const Chart& chart : charts) text += " " + chart.title.substr(0, 1) + " = " + chart.title;
  return text + ".";
}

std::string cell_html(const Column& column, size_t row) {
  const std::string mark = column.marks.empty() ? "" : column.marks[row];
  std::string classes = column.numeric ? "number" : "";
  if (column.title == "Delta" && column.values[row]) classes += *column.values[row] < 0 ? " worse" : " better";
  if (!mark.empty()) classes += " marked";
  std::string attributes = classes.empty() ? "" : fmt::format("class=\"{}\"", classes);
  if (column.numeric && column.values[row]) attributes += fmt::format(" data-value=\"{}\"", *column.values[row]);
  if (!mark.empty()) attributes += fmt::format(" title=\"{}\"", escape_html(mark));
  return element("td", attributes, (column.cells[row].empty() ? "-" : column.cells[row]) + (mark.empty() ? "" : " *"));
}

std::string table_html(const std::vector<Record>& rows, const std::vector<Chart>& charts) {
  const Columns shown = columns(rows);
  const std::vector<std::string> fronts = fronts_of_rows(charts, rows.size());
  std::string out = "<div class=\"scroll\">\n<table class=\"sortable\">\n<thead><tr>";
  const auto head = [&](const Column& column) {
    out += fmt::format("<th scope=\"col\"{} title=\"{}\">{}{}</th>", column.numeric ? " class=\"number\"" : "",
                       escape_html(column.help), escape_html(column.title),
                       column.unit.empty() ? "" : " " + element("span", "class=\"unit\"", column.unit));
  };
  for (const Column& column : shown.columns) head(column);
  head({"Front", "", front_help(charts), false, {}, {}});
  out += "</tr></thead>\n<tbody>\n";
  for (size_t i = 0; i < rows.size(); ++i) {
    out += "<tr>";
    for (const Column& column : shown.columns) out += cell_html(column, i);
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
  std::string out = "<h3>Without a result</h3>\n<div class=\"scroll\">\n<table>\n<thead><tr>";
  out +=
      "<th scope=\"col\">Cell</th><th scope=\"col\">Status</th><th scope=\"col\">Reason</th></tr></thead>\n<tbody>\n";
  for (const Record& record : others) {
    out += "<tr>" + element("td", "", label(record)) + element("td", "", record.status) +
           element("td", "class=\"reason\"", record.reason.value_or("none was given")) + "</tr>\n";
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

std::string section_html(const Section& section, size_t index, bool with_charts) {
  const std::vector<Record> rows = ok_records(section.records);
  const std::vector<Record> others = other_records(section.records);
  std::string out = "<section>\n" + element("h2", "", section.title) + "\n";
  if (!rows.empty()) {
    const std::vector<Chart> drawn = charts(rows, section.metric);
    out += tiles(rows, section.metric);
    if (with_charts) {
      out += fmt::format("<script type=\"application/json\" class=\"chart-data\" data-section=\"{}\">{}</script>\n",
                         index, script_json(chart_json(rows, section.metric, drawn)));
      out += chart_blocks(drawn, section.metric, index);
    }
    out += "<h3>All rows</h3>\n" + table_html(rows, drawn);
  }
  if (!others.empty()) out += others_html(others);
  return out + "</section>\n";
}

}  // namespace quench::report
