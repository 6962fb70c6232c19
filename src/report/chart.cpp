#include "report/chart.h"

#include <functional>

#include "report/columns.h"
#include "report/optional_values.h"
#include "report/pareto.h"

namespace quench::report {

using record::Record;

namespace {

Chart chart(const std::string& key, const std::string& title, const std::string& unit, const std::vector<Record>& rows,
            Metric metric, const std::function<std::optional<double>(const Record&)>& cost_of) {
  Chart result{key, title, unit, {}, {}};
  std::vector<Point> points;
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto cost = cost_of(rows[i]);
    const auto accuracy = accuracy_of(rows[i], metric);
    if (!cost || !accuracy) continue;
    ChartPoint point{i, *cost, 100 * *accuracy, {}, {}};
    if (metric == Metric::top1) {
      point.low = scaled(rows[i].top1_low, 100);
      point.high = scaled(rows[i].top1_high, 100);
    }
    result.points.push_back(point);
    points.push_back({point.cost, point.accuracy});
  }
  result.front = pareto_front(points);
  return result;
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
      chart("latency_p50_ns", "Latency", "ms", rows, metric, in_ms(measured_latency)),
  };
  Chart forecasts = chart("latency_forecast_ns", "Forecast latency", "ms", rows, metric, in_ms(forecast_latency));
  if (!forecasts.points.empty()) all.push_back(std::move(forecasts));
  return all;
}

Json chart_json(const std::vector<Record>& rows, Metric metric, const std::vector<Chart>& charts) {
  Json json{{"metric", title_of(metric)}, {"charts", Json::array()}, {"rows", Json::array()}};
  for (const Chart& chart : charts) {
    Json points = Json::array();
    for (const ChartPoint& point : chart.points) points.push_back(point_json(point));
    json["charts"].push_back({{"key", chart.key},
                              {"title", chart.title},
                              {"unit", chart.unit},
                              {"points", std::move(points)},
                              {"front", chart.front}});
  }
  const Columns shown = columns(rows);
  for (size_t i = 0; i < rows.size(); ++i) {
    Json facts = Json::array(), notes = Json::array();
    for (const Column& column : shown.columns) {
      if (!column.marks.empty() && !column.marks[i].empty()) notes.push_back(column.marks[i]);
      if (column.cells[i].empty()) continue;
      const std::string unit = column.unit.empty() ? "" : " " + column.unit;
      facts.push_back(Json::array({column.title, column.cells[i] + unit}));
    }
    json["rows"].push_back({{"label", label(rows[i])},
                            {"model", rows[i].model.value_or("?")},
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
