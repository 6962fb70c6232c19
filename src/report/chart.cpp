#include "report/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "report/columns.h"
#include "report/optional_values.h"
#include "report/pareto.h"
#include "report/timing_groups.h"

namespace quench::report {

using record::Record;

namespace {

/// The front of the points that `is_in` names.
template <typename IsIn>
Front front(const std::vector<ChartPoint>& all, IsIn is_in) {
  std::vector<size_t> places;
  std::vector<Point> points;
  for (size_t i = 0; i < all.size(); ++i) {
    if (!is_in(all[i])) continue;
    places.push_back(i);
    points.push_back({all[i].cost, all[i].accuracy});
  }
  Front result;
  for (const size_t i : pareto_front(points)) result.points.push_back(places[i]);
  return result;
}

Chart chart(const std::string& key, const std::string& title, const std::string& unit, const std::vector<Record>& rows,
            Metric metric, const std::function<std::optional<double>(const Record&)>& cost_of) {
  Chart result{key, title, unit, {}, {}};
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto cost = cost_of(rows[i]);
    const auto accuracy = accuracy_of(rows[i], metric);
    if (!cost || !accuracy) continue;
    ChartPoint point{i, *cost, 100 * *accuracy, {}, {}};
    if (metric == Metric::top1) {
      point.low = scaled(rows[i].top1_low, 100);
      point.high = scaled(rows[i].top1_high, 100);
    } else if (metric == Metric::map_50_95) {
      point.low = scaled(rows[i].map_50_95_low, 100);
      point.high = scaled(rows[i].map_50_95_high, 100);
    }
    result.points.push_back(point);
  }
  result.fronts = {front(result.points, [](const ChartPoint&) { return true; })};
  return result;
}

/// Latencies of rows that were not timed together say nothing of each other: a front for each group.
Chart with_fronts_of_groups(Chart chart, const std::vector<Record>& rows) {
  const std::vector<TimingGroup> groups = timing_groups(rows);
  const auto group_of = group_of_rows(groups, rows.size());
  chart.fronts.clear();
  for (size_t g = 0; g < groups.size(); ++g) {
    Front found = front(chart.points, [&](const ChartPoint& point) { return group_of[point.row] == g; });
    found.group = g;
    if (!found.points.empty()) chart.fronts.push_back(std::move(found));
  }
  return chart;
}

Json point_json(const ChartPoint& point) {
  Json json{{"row", point.row}, {"x", point.cost}, {"y", point.accuracy}};
  if (point.low && point.high) {
    json["low"] = *point.low;
    json["high"] = *point.high;
  }
  return json;
}

}  // namespace

std::vector<Chart> charts(const std::vector<Record>& rows, Metric metric) {
  const auto in_ms = [](std::optional<int64_t> (*latency)(const Record&)) {
    return [latency](const Record& r) { return scaled(latency(r), 1e-6); };
  };
  std::vector<Chart> all{
      chart("gflops", "GFLOPs", "", rows, metric, [](const Record& r) { return r.gflops; }),
      chart("params", "Parameters", "M", rows, metric, [](const Record& r) { return scaled(r.params, 1e-6); }),
      chart("weights_bytes", "Weight bytes", "MB", rows, metric,
            [](const Record& r) { return scaled(r.weights_bytes, 1e-6); }),
      with_fronts_of_groups(chart("latency_p50_ns", "Latency", "ms", rows, metric, in_ms(measured_latency)), rows),
  };
  Chart forecasts = chart("latency_forecast_ns", "Forecast latency", "ms", rows, metric, in_ms(forecast_latency));
  if (!forecasts.points.empty()) all.push_back(std::move(forecasts));
  // Costs that say something where some rows have zeros, or fewer bits than 8.
  if (std::ranges::any_of(rows, [](const Record& r) { return r.sparse.has_value(); })) {
    all.push_back(chart("nonzero_params", "Non-zero parameters", "M", rows, metric,
                        [](const Record& r) { return scaled(r.nonzero_params, 1e-6); }));
    all.push_back(chart("compressed_file_bytes", "Compressed file", "MB", rows, metric,
                        [](const Record& r) { return scaled(r.compressed_file_bytes, 1e-6); }));
  }
  if (std::ranges::any_of(rows,
                          [](const Record& r) { return r.bits_w.value_or(8) < 8 || r.bits_w_mean.value_or(8) < 8; })) {
    all.push_back(
        chart("bops", "Bit operations", "G", rows, metric, [](const Record& r) { return scaled(r.bops, 1e-9); }));
  }
  return all;
}

Json chart_json(const std::vector<Record>& rows, Metric metric, const std::vector<Chart>& charts) {
  Json json{{"metric", title_of(metric)}, {"charts", Json::array()}, {"rows", Json::array()}};
  for (const Chart& chart : charts) {
    Json points = Json::array();
    for (const ChartPoint& point : chart.points) points.push_back(point_json(point));
    Json fronts = Json::array();
    for (const Front& front : chart.fronts) {
      const std::string name = front.group && chart.fronts.size() > 1 ? std::to_string(*front.group + 1) : "";
      fronts.push_back({{"name", name}, {"points", front.points}});
    }
    json["charts"].push_back({{"key", chart.key},
                              {"title", chart.title},
                              {"unit", chart.unit},
                              {"points", std::move(points)},
                              {"fronts", std::move(fronts)}});
  }
  const Columns shown = columns(rows);
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
                            {"setting", rows[i].setting.value_or("")},
                            {"runtime", rows[i].runtime.value_or("")},
                            {"forecast", is_forecast(rows[i])},
                            {"facts", std::move(facts)},
                            {"notes", std::move(notes)}});
  }
  return json;
}

}  // namespace quench::report
