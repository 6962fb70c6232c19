#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "record/record.h"
#include "report/kept.h"

namespace quench::report {

/// Records of which those that differ in their seed alone have become one.
struct SeedMeans {
  /// Means over seeds of accuracies, costs and latencies, in order of first appearance; after them, as they were, those
  /// that are not ok. What is one seed's own (its number, its files) is empty in a mean. The interval of its accuracy
  /// is that of images and trainings (stats::mean_of), or, without outcomes, Student's t over the seeds.
  std::vector<record::Record> records;
  std::vector<int64_t> seeds;                     ///< of each of ok_records(records): how many it is the mean of
  std::vector<std::optional<double>> deviations;  ///< its accuracy's standard deviation over seeds, a fraction

  /// Whether any has become one.
  bool any() const;
};

SeedMeans seed_means(const std::vector<record::Record>& records, const Kept& kept);

}  // namespace quench::report
