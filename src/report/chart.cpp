#include "report/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>

#include "report/chart_points.h"
#include "report/columns.h"
#include "report/format.h"
#include "report/make_commands.h"
#include "report/method_groups.h"
#include "report/optional_values.h"
#include "report/pareto.h"
#include "report/row_mean.h"

namespace quench::report {

using record::Record;

namespace {

using CostOf = std::function<std::optional<double>(const Record&)>;

ChartPoint point_of(const PointRows& one, double cost, const PointAccuracy& accuracy) {
  return {one.rows, cost, 100 * accuracy.value, scaled(accuracy.low, 100), scaled(accuracy.high, 100)};
}

/// A point for each that has a cost in all of its rows.
std::vector<ChartPoint> chart_points(const std::vector<PointRows>& all, const std::vector<Record>& rows, Metric metric,
                                     const MethodMeans* means, const CostOf& cost_of) {
  std::vector<ChartPoint> points;
  for (const PointRows& one : all) {
    const std::optional<double> cost = row_mean(one.rows, rows, cost_of);
    if (!cost) continue;
    const PointAccuracy accuracy = accuracy_of_point(one, rows, metric, means);
    points.push_back(point_of(one, *cost, accuracy));
  }
  return points;
}

/// Adds points that compare with each other, and their front.
void add(std::vector<ChartPoint> points, std::vector<size_t> groups, Chart& chart) {
  std::vector<Point> places;
  for (const ChartPoint& point : points) places.push_back({point.cost, point.accuracy});
  const size_t first = chart.points.size();
  Front front{{}, std::move(groups)};
  for (const size_t i : pareto_front(places)) front.points.push_back(first + i);
  chart.points.insert(chart.points.end(), points.begin(), points.end());
  for (size_t i = first; i < chart.points.size(); ++i) {
    ChartPoint& point = chart.points[i];
    point.front = chart.fronts.size();
    if (std::ranges::find(front.points, i) != front.points.end() || !point.high) continue;
    double best = 0;  // of the front at this cost
    for (const size_t other : front.points) {
      if (chart.points[other].cost <= point.cost) best = std::max(best, chart.points[other].accuracy);
    }
    point.near_front = *point.high >= best;
  }
  chart.fronts.push_back(std::move(front));
}

/// Draws charts of the rows of one section.
class Charts {
 public:
  Charts(const std::vector<Record>& rows, Metric metric, const MethodMeans* means, const RunPlace* place)
      : rows_(rows), metric_(metric), means_(means), place_(place), artifacts_(artifacts_of(rows, metric, place)) {}

  /// A cost of artifacts.
  Chart of(const std::string& key, const std::string& title, const std::string& unit, const CostOf& cost_of) const {
    Chart chart{key, title, unit, "", {}, {}};
    add(chart_points(artifacts_, rows_, metric_, means_, cost_of), {}, chart);
    return chart;
  }

  /// Latencies of rows that were not timed together say nothing of each other: a front for each set.
  Chart measured(const std::string& key, const std::string& title, const std::string& unit,
                 const CostOf& cost_of) const {
    Chart chart{key, title, unit, "", {}, {}};
    for (const TimedSet& set : timed_sets(rows_, metric_, place_)) {
      std::vector<ChartPoint> points = chart_points(set.points, rows_, metric_, means_, cost_of);
      if (!points.empty()) add(std::move(points), set.groups, chart);
    }
    return chart;
  }

  /// One for each device and runtime: their forecasts are fitted apart. What was measured says the accuracy.
  std::vector<Chart> forecasts() const {
    std::map<std::string, const PointRows*> measured;
    const std::vector<PointRows> artifacts = artifacts_of(rows_, metric_);
    for (const PointRows& one : artifacts) measured.try_emplace(artifact_key(rows_[one.rows.front()]), &one);
    std::vector<Chart> charts;
    for (const ForecastSet& set : forecast_sets(rows_, metric_)) {
      Chart chart{"latency_forecast_ns", "Forecast latency", "ms", set.place.name, {}, {}};
      std::vector<ChartPoint> points;
      for (const PointRows& one : set.points) {
        const auto mean = [&](std::optional<int64_t> Record::*field) {
          return row_mean(one.rows, rows_, [&](const Record& row) { return scaled(row.*field, 1e-6); });
        };
        const PointRows& scored = *measured.at(artifact_key(rows_[one.rows.front()]));
        const bool same = scored.rows.size() == one.rows.size();
        points.push_back(point_of(one, *mean(&Record::latency_p50_ns),
                                  accuracy_of_point(same ? scored : one, rows_, metric_, means_)));
        points.back().cost_low = mean(&Record::latency_low_ns);
        points.back().cost_high = mean(&Record::latency_high_ns);
      }
      add(std::move(points), {}, chart);
      charts.push_back(std::move(chart));
    }
    return charts;
  }

 private:
  const std::vector<Record>& rows_;
  Metric metric_;
  const MethodMeans* means_;
  const RunPlace* place_;
  std::vector<PointRows> artifacts_;
};

/// "1+2": the groups of a front, where there are other fronts.
std::string name_of(const Front& front, const Chart& chart) {
  if (chart.fronts.size() < 2) return "";
  std::string name;
  for (const size_t group : front.groups) name += (name.empty() ? "" : "+") + std::to_string(group + 1);
  return name;
}

Json point_json(const ChartPoint& point) {
  Json json{{"row", point.rows.front()},
            {"seeds", point.rows.size()},
            {"front", point.front},
            {"x", point.cost},
            {"y", point.accuracy}};
  if (point.near_front) json["near"] = true;
  if (point.low && point.high) {
    json["low"] = *point.low;
    json["high"] = *point.high;
  }
  if (point.cost_low && point.cost_high) {
    json["x_low"] = *point.cost_low;
    json["x_high"] = *point.cost_high;
  }
  return json;
}

}  // namespace

std::optional<double> Chart::only_cost() const {
  if (points.empty()) return {};
  const double first = points.front().cost;
  const bool same = std::ranges::all_of(points, [&](const ChartPoint& p) { return p.cost == first; });
  return same ? std::optional(first) : std::nullopt;
}

std::string Chart::heading() const { return where.empty() ? title : title + ", " + where; }

std::vector<Chart> charts(const std::vector<Record>& rows, Metric metric, const MethodMeans* means,
                          const RunPlace* place) {
  const Charts draw(rows, metric, means, place);
  std::vector<Chart> all{
      draw.of("gflops", "GFLOPs", "", [](const Record& r) { return r.gflops; }),
      draw.of("params", "Parameters", "M", [](const Record& r) { return scaled(r.params, 1e-6); }),
      draw.of("weights_bytes", "Weight bytes", "MB", [](const Record& r) { return scaled(r.weights_bytes, 1e-6); }),
      draw.measured("latency_p50_ns", "Latency", "ms",
                    [](const Record& r) { return scaled(measured_latency(r), 1e-6); }),
  };
  for (Chart& forecast : draw.forecasts()) all.push_back(std::move(forecast));
  if (std::ranges::any_of(rows, [](const Record& r) { return r.energy_mj.has_value(); })) {
    all.push_back(draw.measured("energy_mj", "Energy", "mJ", [](const Record& r) { return r.energy_mj; }));
  }
  // Costs that say something where some rows have zeros, or fewer bits than 8.
  if (std::ranges::any_of(rows, [](const Record& r) { return r.sparse.has_value(); })) {
    all.push_back(draw.of("nonzero_params", "Non-zero parameters", "M",
                          [](const Record& r) { return scaled(r.nonzero_params, 1e-6); }));
    all.push_back(draw.of("compressed_file_bytes", "Compressed file", "MB",
                          [](const Record& r) { return scaled(r.compressed_file_bytes, 1e-6); }));
  }
  if (std::ranges::any_of(rows,
                          [](const Record& r) { return r.bits_w.value_or(8) < 8 || r.bits_w_mean.value_or(8) < 8; })) {
    all.push_back(draw.of("bops", "Bit operations", "G", [](const Record& r) { return scaled(r.bops, 1e-9); }));
  }
  return all;
}

std::vector<std::string> chart_notes(const Chart& chart) {
  std::vector<std::string> notes;
  if (chart.fronts.size() > 1) {
    notes.push_back(
        fmt::format("{} groups of rows, timed apart: each has a front of its own, with its number. Latencies of "
                    "different groups do not compare.",
                    chart.fronts.size()));
  }
  if (std::ranges::any_of(chart.fronts, [](const Front& front) { return front.groups.size() > 1; })) {
    notes.push_back("Latencies are means over seeds; each seed was timed by itself, with the same methods every time.");
  }
  if (std::ranges::any_of(chart.points, [](const ChartPoint& point) { return point.cost_low.has_value(); })) {
    notes.push_back("Lines across are the 90 % intervals of the forecasts.");
  }
  if (const auto cost = chart.only_cost(); cost && chart.points.size() > 1) {
    notes.push_back(fmt::format("All points cost the same: {} {}. This chart does not tell them apart.",
                                three_digits(*cost), chart.unit.empty() ? chart.title : chart.unit));
  }
  return notes;
}

std::vector<ChartView> chart_views(const std::vector<Record>& rows, const std::vector<Metric>& metrics,
                                   const std::vector<MethodMeans>& means) {
  std::vector<ChartView> views;
  const std::vector<RunPlace> places = places_of(rows, metrics.front());
  for (size_t m = 0; m < metrics.size(); ++m) {
    const Metric metric = metrics[m];
    const MethodMeans* const of_metric = means.empty() ? nullptr : &means.at(m);
    if (places.size() > 1) {
      for (const RunPlace& place : places)
        views.push_back({metric, place.name, charts(rows, metric, of_metric, &place)});
    }
    views.push_back({metric, places.size() > 1 ? "all" : "", charts(rows, metric, of_metric)});
  }
  return views;
}

namespace {

Json view_json(const ChartView& view) {
  Json json{{"metric", title_of(view.metric)}, {"place", view.place}, {"charts", Json::array()}};
  for (const Chart& chart : view.charts) {
    Json points = Json::array();
    for (const ChartPoint& point : chart.points) points.push_back(point_json(point));
    Json fronts = Json::array();
    for (const Front& front : chart.fronts) {
      fronts.push_back({{"name", name_of(front, chart)}, {"points", front.points}});
    }
    json["charts"].push_back({{"key", chart.key},
                              {"title", chart.heading()},
                              {"unit", chart.unit},
                              {"notes", chart_notes(chart)},
                              {"points", std::move(points)},
                              {"fronts", std::move(fronts)}});
  }
  return json;
}

}  // namespace

Json chart_json(const std::vector<Record>& rows, const std::vector<ChartView>& views) {
  Json json{{"views", Json::array()}, {"rows", Json::array()}};
  for (const ChartView& view : views) json["views"].push_back(view_json(view));
  const Columns shown = columns(rows);
  const std::vector<std::string> families = families_of(rows);
  for (size_t i = 0; i < rows.size(); ++i) {
    Json facts = Json::array(), notes = Json::array();
    for (const Column& column : shown.columns) {
      if (!column.marks.empty() && !column.marks[i].empty()) notes.push_back(column.marks[i]);
      if (!column.details.empty() && !column.details[i].empty()) notes.push_back(column.details[i]);
      if (column.cells[i].empty()) continue;
      const std::string unit = column.unit.empty() ? "" : " " + column.unit;
      if (!column.against.empty() && column.against[i]) {
        notes.push_back(fmt::format("{} is against row {}: {}.", column.title, *column.against[i] + 1,
                                    label(rows[*column.against[i]])));
      }
      facts.push_back(Json::array({column.title, column.cells[i] + unit}));
    }
    json["rows"].push_back({{"label", label(rows[i])},
                            {"model", model_name(rows[i])},
                            {"method", rows[i].method.value_or("?")},
                            {"family", families[i]},
                            {"setting", rows[i].setting.value_or("")},
                            {"runtime", rows[i].runtime.value_or("")},
                            {"device", rows[i].device.value_or("")},
                            {"threads", rows[i].threads ? Json(*rows[i].threads) : Json()},
                            {"megabytes", rows[i].weights_bytes ? Json(1e-6 * *rows[i].weights_bytes) : Json()},
                            {"artifact", rows[i].artifact.value_or("")},
                            {"make", make_commands(rows[i])},
                            {"forecast", is_forecast(rows[i])},
                            {"facts", std::move(facts)},
                            {"notes", std::move(notes)}});
  }
  return json;
}

}  // namespace quench::report
