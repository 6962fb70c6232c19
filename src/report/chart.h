#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "report/compare.h"

namespace quench::report {

/// One record in a chart. Accuracies in %.
struct ChartPoint {
  size_t row;  ///< index into the rows of the section
  double cost;
  double accuracy;
  std::optional<double> low, high;  ///< 95 % interval of the accuracy
};

/// The Pareto front of points whose costs can be compared.
struct Front {
  std::vector<size_t> points;   ///< indices into the chart's points, by rising cost
  std::optional<size_t> group;  ///< of measured latencies: the group of rows that were timed together (timing_groups.h)
};

/// A cost against accuracy.
struct Chart {
  std::string key;    ///< "gflops"
  std::string title;  ///< "GFLOPs"
  std::string unit;   ///< "M", "MB", "ms"; empty where none
  std::vector<ChartPoint> points;
  std::vector<Front> fronts;  ///< one; of measured latencies, one for each group of rows that were timed together
};

/// GFLOPs, parameters, weight bytes and latency against accuracy, for the rows (ok records of one section) that have
/// both; latencies that are forecast where there are some; parameters that are not zero and the compressed file where a
/// row is sparse, bit operations where one has fewer than 8 bits.
std::vector<Chart> charts(const std::vector<record::Record>& rows, Metric metric);

/// What page.js draws: {metric, charts: [{..., fronts: [{name, points}, ...]}, ...], rows: [{label, model, method,
/// forecast, facts: [[title, text], ...], notes: [sentence, ...]}]}.
Json chart_json(const std::vector<record::Record>& rows, Metric metric, const std::vector<Chart>& charts);

}  // namespace quench::report
