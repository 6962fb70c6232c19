#include "report/tiles.h"

#include <algorithm>

#include "core/escape_html.h"
#include "report/format.h"
#include "report/html_element.h"
#include "report/timing_groups.h"

namespace quench::report {

using record::Record;

namespace {

std::string tile(const std::string& title, const std::string& value, const std::string& unit, const std::string& name) {
  return "<div class=\"tile\">" + element("div", "class=\"tile-title\"", title) + "<div class=\"tile-value\">" +
         escape_html(value) + (unit.empty() ? "" : element("span", "class=\"unit\"", unit)) + "</div>" +
         element("div", "class=\"tile-note\"", name) + "</div>\n";
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

const Record* most_accurate(const std::vector<Record>& rows, Metric metric) {
  return least(rows, metric, 0,
               [&](const Record& r) { return std::optional<double>(-accuracy_of(r, metric).value_or(0)); });
}

/// What must be known of a latency beside its row's name.
std::string steadiness(const Record& record) { return record.stable == false ? " (unsteady)" : ""; }

std::string ms(const Record& record) { return three_digits(static_cast<double>(*record.latency_p50_ns) * 1e-6); }

/// A line for each group of rows that were timed together: how many, and the fastest of them.
std::string fastest_of_groups(const std::vector<Record>& rows, Metric metric, const std::vector<TimingGroup>& groups) {
  std::string out =
      "<h3>Fastest, among rows that were timed together</h3>\n<p class=\"shared\">Rows of different groups were timed "
      "at "
      "different times, or on different machines or threads: their latencies do not compare.</p>\n<div "
      "class=\"scroll groups\">\n<table>\n<thead><tr><th scope=\"col\">Group</th><th "
      "scope=\"col\">Of</th><th "
      "scope=\"col\" class=\"number\">Rows</th><th scope=\"col\">Fastest</th><th scope=\"col\" "
      "class=\"number\">p50<span "
      "class=\"unit\">ms</span></th><th scope=\"col\">Fastest within 1 point of the group's best</th><th scope=\"col\" "
      "class=\"number\">p50<span class=\"unit\">ms</span></th></tr></thead>\n<tbody>\n";
  for (size_t g = 0; g < groups.size(); ++g) {
    std::vector<Record> members;
    for (const size_t row : groups[g].rows) members.push_back(rows[row]);
    const std::vector<std::string> names = labels_apart(members);
    const auto cells = [&](const Record* row) {
      return element("td", "", row ? names[static_cast<size_t>(row - members.data())] + steadiness(*row) : "-") +
             element("td", "class=\"number\"", row ? ms(*row) : "-");
    };
    const Record* best = most_accurate(members, metric);
    const double top = best ? *accuracy_of(*best, metric) : 0;
    out += "<tr>" + element("td", "", std::to_string(g + 1)) +
           element("td", "", groups[g].name + (groups[g].in_turn ? "" : " (no record of when)")) +
           element("td", "class=\"number\"", std::to_string(members.size())) +
           cells(least(members, metric, 0, measured_latency)) +
           cells(least(members, metric, top - 0.01, measured_latency)) + "</tr>\n";
  }
  return out + "</tbody>\n</table>\n</div>\n";
}

}  // namespace

std::string best_rows_html(const std::vector<Record>& rows, Metric metric) {
  const auto weights = [](const Record& r) { return r.weights_bytes; };
  const Record* best = most_accurate(rows, metric);
  if (best == nullptr) return "";
  const double top = *accuracy_of(*best, metric);
  const std::vector<std::string> names = labels_apart(rows);
  const auto name_of = [&](const Record* row) { return names[static_cast<size_t>(row - rows.data())]; };
  std::string out = tile("Most accurate", fixed(100 * top, 2), "%", name_of(best));
  const auto fastest = [&](const std::string& title, auto latency) {
    if (const Record* row = least(rows, metric, 0, latency)) {
      out += tile(title, ms(*row), "ms", name_of(row) + steadiness(*row));
    }
    if (const Record* row = least(rows, metric, top - 0.01, latency)) {
      out += tile(title + " within 1 point of the best", ms(*row), "ms", name_of(row) + steadiness(*row));
    }
  };
  const std::vector<TimingGroup> groups = timing_groups(rows);
  if (groups.size() == 1) fastest("Fastest", measured_latency);
  fastest("Fastest forecast", forecast_latency);
  if (const Record* row = least(rows, metric, 0, weights)) {
    out += tile("Smallest weights", three_digits(static_cast<double>(*row->weights_bytes) * 1e-6), "MB", name_of(row));
  }
  return "<div class=\"tiles\">\n" + out + "</div>\n" +
         (groups.size() > 1 ? fastest_of_groups(rows, metric, groups) : "");
}

}  // namespace quench::report
