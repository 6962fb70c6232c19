#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "report/chart_points.h"
#include "report/compare.h"
#include "report/differences.h"

namespace quench::report {

/// One artifact in a chart: the mean over its seeds. Accuracies in %.
struct ChartPoint {
  std::vector<size_t> rows;  ///< indices into the rows of the section, one a seed; the first stands for them
  double cost;
  double accuracy;
  std::optional<double> low, high;                      ///< 95 % interval of the accuracy
  std::optional<double> cost_low = {}, cost_high = {};  ///< 90 % interval of a forecast cost
  size_t front = 0;                                     ///< index of the front that it competes for
  bool near_front = false;                              ///< not on it, but its interval reaches it
};

/// The Pareto front of points whose costs can be compared.
struct Front {
  std::vector<size_t> points;  ///< indices into the chart's points, by rising cost
  std::vector<size_t> groups;  ///< of measured latencies: the groups of rows that were timed together (timing_groups.h)
};

/// A cost against accuracy.
struct Chart {
  std::string key;    ///< "gflops"
  std::string title;  ///< "GFLOPs"
  std::string unit;   ///< "M", "MB", "ms"; empty where none
  std::string where;  ///< what runs the points of a forecast: "tensorrt on jetson-nano"; empty where others tell
  std::vector<ChartPoint> points;
  std::vector<Front> fronts;  ///< one; of measured latencies, one for each set of them that compares (timed_sets)

  /// The cost that all points have; empty where there are two, or no point.
  std::optional<double> only_cost() const;
  /// "GFLOPs", "Forecast latency, tensorrt on jetson-nano".
  std::string heading() const;
};

/// GFLOPs, parameters, weight bytes and latency against accuracy, for the rows (ok records of one section) that have
/// both; latencies that are forecast, for each device and runtime, and energy where there are some; parameters that are
/// not zero and the compressed file where a row is sparse, bit operations where one has fewer than 8 bits. Which charts
/// there are depends on the rows alone. A point is an artifact, the mean over its seeds; of latencies and energies an
/// artifact on a runtime and device with a number of threads. means: of these rows by this metric, for intervals
/// over seeds and of what records hold none of; null: without. place: measured points of this one alone; null: of all.
std::vector<Chart> charts(const std::vector<record::Record>& rows, Metric metric, const MethodMeans* means = nullptr,
                          const RunPlace* place = nullptr);

/// What must be known of a chart, a sentence each: that it has fronts of several groups, means, or one cost alone.
std::vector<std::string> chart_notes(const Chart& chart);

/// The charts of one choice of the reader.
struct ChartView {
  Metric metric = Metric::top1;
  std::string place;  ///< for people; empty where there is one alone
  std::vector<Chart> charts;
};
/// Of each metric those of each place, and of all places together; where there is one place, of that. means: of
/// the rows by each metric; empty: without.
std::vector<ChartView> chart_views(const std::vector<record::Record>& rows, const std::vector<Metric>& metrics,
                                   const std::vector<MethodMeans>& means);

/// What page.js draws: {views: [{metric, place, charts: [{..., notes: [sentence, ...], points: [{row, seeds, front, x,
/// y, low, high, x_low, x_high, near}, ...], fronts: [{name, points}, ...]}, ...]}, ...], rows: [{label, model,
/// method, device, threads, megabytes, artifact, make: [command, ...], forecast, facts: [[title, text], ...], notes:
/// [sentence,
/// ...]}]}.
Json chart_json(const std::vector<record::Record>& rows, const std::vector<ChartView>& views);

}  // namespace quench::report
