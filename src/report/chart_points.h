#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "record/record.h"
#include "report/differences.h"

namespace quench::report {

/// What a record's model is but for the seed: model, method, setting, input size and data.
std::string artifact_key(const record::Record& row);
/// What runs it: runtime, device and threads.
std::string place_key(const record::Record& row);

/// The family of each row's method (family_of). A forecast does not say how its model was made: it has that of the
/// measured row of the same artifact, where there is one.
std::vector<std::string> families_of(const std::vector<record::Record>& rows);

/// What runs a model: a runtime on a device with a number of threads.
struct RunPlace {
  std::string name;  ///< "native, 2 threads", "native on nano, 4 threads"
  std::string key;   ///< rows of one place have the same
};

/// The places of the records that were measured, in order of first appearance.
std::vector<RunPlace> places_of(const std::vector<record::Record>& rows, Metric metric);

/// What one point of a chart stands for: rows of one artifact for each seed.
struct PointRows {
  std::vector<size_t> rows;  ///< indices into the records, by seed; the first stands for them
};

/// The artifacts of the records that have an accuracy: one for each model and method, whatever runs it. Its rows are of
/// the place that comes first, of measured rows where there are some. place: of measured rows those alone that it runs;
/// null: of all.
std::vector<PointRows> artifacts_of(const std::vector<record::Record>& rows, Metric metric,
                                    const RunPlace* place = nullptr);

/// Measured latencies that compare: rows that were timed together, or, where each seed was timed by itself, those of
/// all seeds, if every time the same methods took part, so that a slow hour hits all of them alike.
struct TimedSet {
  std::vector<PointRows> points;  ///< one for each artifact, runtime, device and number of threads
  std::vector<size_t> groups;     ///< indices of timing_groups, ascending
};
/// place: sets without the points of others; null: whole.
std::vector<TimedSet> timed_sets(const std::vector<record::Record>& rows, Metric metric,
                                 const RunPlace* place = nullptr);

/// Forecast latencies of a place: a point for each artifact, its rows by seed.
struct ForecastSet {
  RunPlace place;
  std::vector<PointRows> points;
};
/// In order of first appearance; of rows that have an accuracy.
std::vector<ForecastSet> forecast_sets(const std::vector<record::Record>& rows, Metric metric);

/// The accuracy of a point and its 95 % interval, as fractions. One row: the record's own interval. Several, or a
/// record that has none: that of `means` (null: none) where it has the mean of just these rows; else Student's t
/// over the seeds.
struct PointAccuracy {
  double value = 0;
  std::optional<double> low, high;
  std::optional<double> deviation;  ///< standard deviation over seeds; empty for one row
};
PointAccuracy accuracy_of_point(const PointRows& point, const std::vector<record::Record>& rows, Metric metric,
                                const MethodMeans* means);

}  // namespace quench::report
