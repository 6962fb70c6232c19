#include "report/findings_html.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"
#include "report/findings.h"
#include "report/html_element.h"

namespace quench::report {

using record::Record;

namespace {

std::string links(const std::vector<size_t>& rows, size_t index) {
  std::string out = rows.size() == 1 ? " (row " : " (rows ";
  constexpr size_t kMost = 16;
  for (size_t i = 0; i < std::min(rows.size(), kMost); ++i) {
    out += fmt::format("{}<a href=\"#{}\">{}</a>", i == 0 ? "" : ", ", row_id(index, rows[i]), rows[i] + 1);
  }
  if (rows.size() > kMost) out += fmt::format(" and {} more", rows.size() - kMost);
  return out + ")";
}

std::string list_html(const std::vector<Finding>& found, Finding::Kind kind, size_t index) {
  std::string out;
  for (const Finding& finding : found) {
    if (finding.kind == kind) out += "<li>" + escape_html(finding.text) + links(finding.rows, index) + "</li>\n";
  }
  return out.empty() ? "" : "<ul class=\"findings\">\n" + out + "</ul>\n";
}

/// Begins what is folded behind a line where it is long.
std::string fold(size_t length, const std::string& line) {
  constexpr size_t kOpen = 8;
  return fmt::format("<details class=\"findings\"{}>", length <= kOpen ? " open=\"open\"" : "") +
         element("summary", "", line) + "\n";
}

/// Findings of one kind, with how many of them hold.
std::string details_html(const char* title, const std::vector<Finding>& found, Finding::Kind kind, size_t index) {
  int64_t all = 0, shown = 0;
  for (const Finding& finding : found) {
    all += finding.kind == kind;
    shown += finding.kind == kind && finding.shows;
  }
  if (all == 0) return "";
  return fold(static_cast<size_t>(all), fmt::format("{}: {} of {} differ", title, shown, all)) +
         list_html(found, kind, index) + "</details>\n";
}

template <typename Line>
struct Head {
  const char *title, *help;
  std::string Line::*cell;
  bool numeric;
};

template <typename Line, size_t kHeads>
std::string lines_html(const std::string& title, const std::vector<Line>& lines, const Head<Line> (&heads)[kHeads]) {
  if (lines.empty()) return "";
  std::string out = fold(lines.size(), fmt::format("{}: {}", title, counted(std::ssize(lines), "line"))) +
                    "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"" + escape_html(title) +
                    "\">\n<table class=\"lines\">\n<thead><tr>";
  for (const Head<Line>& head : heads) {
    out += element(
        "th",
        fmt::format("scope=\"col\"{} title=\"{}\"", head.numeric ? " class=\"number\"" : "", escape_html(head.help)),
        head.title);
  }
  out += "</tr></thead>\n<tbody>\n";
  for (const Line& line : lines) {
    out += "<tr>";
    for (const Head<Line>& head : heads) {
      const std::string& cell = line.*head.cell;
      out += element("td", head.numeric ? "class=\"number\"" : "", cell.empty() ? "-" : cell);
    }
    out += "</tr>\n";
  }
  return out + "</tbody>\n</table>\n</div>\n</details>\n";
}

std::string methods_html(const MethodComparison& comparison, Metric metric) {
  const Head<MethodLine> heads[] = {
      {"Method", "Model, method, setting, runtime.", &MethodLine::method, false},
      {"Seeds", "Trainings that the mean is of.", &MethodLine::seeds, true},
      {"Mean %", "Mean over the seeds.", &MethodLine::mean, true},
      {"Deviation pt", "Standard deviation over the seeds.", &MethodLine::deviation, true},
      {"95 % interval", "Of the mean: by images, and by seeds where there are several.", &MethodLine::interval, false},
      {"Against float32 pt", "Difference from the float32 model, on the same images.", &MethodLine::gap, true},
      {"95 % interval pt", "Of that difference.", &MethodLine::gap_interval, false},
      {"p", "Of no difference, by Holm's method for all methods here.", &MethodLine::p, true}};
  return lines_html(fmt::format("Methods, by {}", title_of(metric)), method_lines(comparison), heads);
}

std::string ratios_html(const std::vector<Record>& rows, const std::vector<LatencyRatio>& ratios) {
  const Head<RatioLine> heads[] = {
      {"Method", "Model, method, setting, runtime, threads.", &RatioLine::method, false},
      {"p50 ms", "Median latency, mean over the seeds.", &RatioLine::ms, true},
      {"Times float32", "How many times as long as the float32 model that was timed together with it.",
       &RatioLine::ratio, true},
      {"95 % interval", "Of that ratio, paired by round; none where no rounds were kept.", &RatioLine::interval, false},
      {"Rounds", "Rounds that both took part in.", &RatioLine::rounds, true},
      {"Timings", "Runs of the timing: one a seed.", &RatioLine::timings, true},
      {"p", "Of no difference, by Holm's method for all methods here.", &RatioLine::p, true}};
  if (std::ranges::none_of(ratios, &LatencyRatio::paired)) return "";  // the table of rows has their speed-ups
  return lines_html("Latency beside float32", ratio_lines(rows, ratios), heads);
}

}  // namespace

std::string row_id(size_t index, size_t row) { return fmt::format("s{}-row{}", index + 1, row + 1); }

std::string findings_html(const std::vector<Record>& rows, Metric metric, const MethodComparison& comparison,
                          const std::vector<LatencyRatio>& ratios, size_t index) {
  const std::vector<Finding> found = findings(rows, metric, comparison, ratios);
  if (found.empty()) return "";
  std::string out = "<h3>Findings</h3>\n" + list_html(found, Finding::Kind::answer, index);
  out += details_html("Accuracy of each method beside float32", found, Finding::Kind::accuracy, index);
  out += details_html("Latency of each method beside float32", found, Finding::Kind::latency, index);
  for (const std::string& note : findings_notes(rows, comparison, ratios))
    out += element("p", "class=\"shared\"", note) + "\n";
  return out + methods_html(comparison, metric) + ratios_html(rows, ratios);
}

}  // namespace quench::report
