#include "report/findings_html.h"

#include <fmt/format.h>

#include "report/findings.h"
#include "report/html_element.h"

namespace quench::report {

using record::Record;

namespace {

std::string links(const std::vector<size_t>& rows, size_t index) {
  std::string out = rows.size() == 1 ? " (row " : " (rows ";
  for (size_t i = 0; i < rows.size(); ++i) {
    out += fmt::format("{}<a href=\"#{}\">{}</a>", i == 0 ? "" : ", ", row_id(index, rows[i]), rows[i] + 1);
  }
  return out + ")";
}

std::string methods_html(const MethodComparison& comparison, Metric metric) {
  const std::vector<MethodLine> lines = method_lines(comparison);
  if (lines.empty()) return "";
  struct Head {
    const char *title, *help;
    std::string MethodLine::*cell;
    bool numeric;
  };
  const Head heads[] = {
      {"Method", "Model, method, setting, runtime.", &MethodLine::method, false},
      {"Seeds", "Trainings that the mean is of.", &MethodLine::seeds, true},
      {"Mean %", "Mean over the seeds.", &MethodLine::mean, true},
      {"Deviation pt", "Standard deviation over the seeds.", &MethodLine::deviation, true},
      {"95 % interval", "Of the mean: by images, and by seeds where there are several.", &MethodLine::interval, false},
      {"Against float32 pt", "Difference from the float32 model, on the same images.", &MethodLine::gap, true},
      {"95 % interval pt", "Of that difference.", &MethodLine::gap_interval, false},
      {"p", "Of no difference, by Holm's method for all methods here.", &MethodLine::p, true}};
  std::string out =
      fmt::format("<h3>Methods, by {}</h3>\n<div class=\"scroll\">\n<table>\n<thead><tr>", title_of(metric));
  for (const Head& head : heads) {
    out += element(
        "th",
        fmt::format("scope=\"col\"{} title=\"{}\"", head.numeric ? " class=\"number\"" : "", escape_html(head.help)),
        head.title);
  }
  out += "</tr></thead>\n<tbody>\n";
  for (const MethodLine& line : lines) {
    out += "<tr>";
    for (const Head& head : heads) {
      const std::string& cell = line.*head.cell;
      out += element("td", head.numeric ? "class=\"number\"" : "", cell.empty() ? "-" : cell);
    }
    out += "</tr>\n";
  }
  return out + "</tbody>\n</table>\n</div>\n";
}

}  // namespace

std::string row_id(size_t index, size_t row) { return fmt::format("s{}-row{}", index + 1, row + 1); }

std::string findings_html(const std::vector<Record>& rows, Metric metric, const MethodComparison& comparison,
                          size_t index) {
  const std::vector<Finding> found = findings(rows, metric, comparison);
  if (found.empty()) return "";
  std::string out = "<h3>Findings</h3>\n<ul class=\"findings\">\n";
  for (const Finding& finding : found) {
    out += "<li>" + escape_html(finding.text) + links(finding.rows, index) + "</li>\n";
  }
  out += "</ul>\n";
  for (const std::string& note : findings_notes(comparison)) out += element("p", "class=\"shared\"", note) + "\n";
  return out + methods_html(comparison, metric);
}

}  // namespace quench::report
