#include "report/tiles.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>

#include "core/escape_html.h"
#include "report/chart_points.h"
#include "report/format.h"
#include "report/html_element.h"
#include "report/optional_values.h"
#include "report/timing_groups.h"

namespace quench::report {

using record::Record;

namespace {

std::string tile(const std::string& title, const std::string& value, const std::string& unit, const std::string& name) {
  return "<div class=\"tile\">" + element("div", "class=\"tile-title\"", title) + "<div class=\"tile-value\">" +
         escape_html(value) + (unit.empty() ? "" : element("span", "class=\"unit\"", unit)) + "</div>" +
         element("div", "class=\"tile-note\"", name) + "</div>\n";
}

/// What tiles choose among: a point of a chart, by its means over seeds.
struct Candidate {
  std::string name;
  double accuracy = 0;
  std::optional<double> cost;
  bool unsteady = false;
};

using CostOf = std::function<std::optional<double>(const Record&)>;

/// Candidates of points, with the mean of a cost where every seed has one.
std::vector<Candidate> candidates(const std::vector<PointRows>& points, const std::vector<Record>& rows, Metric metric,
                                  const CostOf& cost_of) {
  std::vector<Record> firsts;
  for (const PointRows& point : points) firsts.push_back(rows[point.rows.front()]);
  const std::vector<std::string> names = labels_apart(firsts);
  std::vector<Candidate> out;
  for (size_t p = 0; p < points.size(); ++p) {
    const size_t seeds = points[p].rows.size();
    Candidate one{names[p] + (seeds > 1 ? fmt::format(", mean of {} seeds", seeds) : ""),
                  accuracy_of_point(points[p], rows, metric, nullptr).value, 0, false};
    for (const size_t row : points[p].rows) {
      const auto cost = cost_of(rows[row]);
      one.cost = cost && one.cost ? std::optional(*one.cost + *cost / static_cast<double>(seeds)) : std::nullopt;
      one.unsteady = one.unsteady || rows[row].stable == false;
    }
    out.push_back(std::move(one));
  }
  return out;
}

/// The candidate with the least cost (of equals, the most accurate), among those of at least `floor` accuracy.
const Candidate* least(const std::vector<Candidate>& all, double floor) {
  const Candidate* best = nullptr;
  for (const Candidate& one : all) {
    if (!one.cost || one.accuracy < floor) continue;
    if (best == nullptr || *one.cost < *best->cost || (*one.cost == *best->cost && one.accuracy > best->accuracy)) {
      best = &one;
    }
  }
  return best;
}

const Candidate* most_accurate(const std::vector<Candidate>& all) {
  const auto best = std::ranges::max_element(all, {}, &Candidate::accuracy);
  return best == all.end() ? nullptr : &*best;
}

/// What must be known of a latency beside its row's name.
std::string steadiness(const Candidate& one) { return one.unsteady ? " (unsteady)" : ""; }

std::string ms(const Candidate& one) { return three_digits(*one.cost * 1e-6); }

std::vector<Candidate> measured(const TimedSet& set, const std::vector<Record>& rows, Metric metric) {
  return candidates(set.points, rows, metric, [](const Record& r) { return scaled(measured_latency(r), 1); });
}

/// What the groups of a set have in common.
std::string name_of(const TimedSet& set, const std::vector<TimingGroup>& groups) {
  if (set.groups.size() > 1) {
    const PointRows& any = set.points.front();
    return fmt::format("{} seeds, each timed with the same methods", any.rows.size());
  }
  const TimingGroup& group = groups[set.groups.front()];
  return group.name + (group.in_turn ? "" : " (no record of when)");
}

/// A line for each set of rows that compare: how many, and the fastest of them.
std::string fastest_of_sets(const std::vector<Record>& rows, Metric metric, const std::vector<TimedSet>& sets) {
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
  const std::vector<TimingGroup> groups = timing_groups(rows);
  for (const TimedSet& set : sets) {
    const std::vector<Candidate> all = measured(set, rows, metric);
    const auto cells = [&](const Candidate* one) {
      return element("td", "", one ? one->name + steadiness(*one) : "-") +
             element("td", "class=\"number\"", one ? ms(*one) : "-");
    };
    const Candidate* best = most_accurate(all);
    size_t members = 0;
    for (const PointRows& point : set.points) members += point.rows.size();
    std::string number;
    for (const size_t group : set.groups) number += (number.empty() ? "" : "+") + std::to_string(group + 1);
    out += "<tr>" + element("td", "", number) + element("td", "", name_of(set, groups)) +
           element("td", "class=\"number\"", std::to_string(members)) + cells(least(all, 0)) +
           cells(least(all, best->accuracy - 0.01)) + "</tr>\n";
  }
  return out + "</tbody>\n</table>\n</div>\n";
}

std::vector<Candidate> forecasts(const std::vector<Record>& rows, Metric metric) {
  std::vector<PointRows> points;
  for (ForecastSet& set : forecast_sets(rows, metric)) {
    points.insert(points.end(), set.points.begin(), set.points.end());
  }
  return candidates(points, rows, metric, [](const Record& r) { return scaled(forecast_latency(r), 1); });
}

}  // namespace

std::string best_rows_html(const std::vector<Record>& rows, Metric metric) {
  const std::vector<Candidate> artifacts = candidates(artifacts_of(rows, metric), rows, metric,
                                                      [](const Record& r) { return scaled(r.weights_bytes, 1e-6); });
  const Candidate* best = most_accurate(artifacts);
  if (best == nullptr) return "";
  std::string out = tile("Most accurate", fixed(100 * best->accuracy, 2), "%", best->name);
  const auto fastest = [&](const std::string& title, const std::vector<Candidate>& all) {
    if (const Candidate* one = least(all, 0)) out += tile(title, ms(*one), "ms", one->name + steadiness(*one));
    if (const Candidate* one = least(all, best->accuracy - 0.01)) {
      out += tile(title + " within 1 point of the best", ms(*one), "ms", one->name + steadiness(*one));
    }
  };
  const std::vector<TimedSet> sets = timed_sets(rows, metric);
  if (sets.size() == 1) fastest("Fastest", measured(sets.front(), rows, metric));
  fastest("Fastest forecast", forecasts(rows, metric));
  if (const Candidate* one = least(artifacts, 0))
    out += tile("Smallest weights", three_digits(*one->cost), "MB", one->name);
  return "<div class=\"tiles\">\n" + out + "</div>\n" + (sets.size() > 1 ? fastest_of_sets(rows, metric, sets) : "");
}

}  // namespace quench::report
