#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "record/record.h"
#include "report/kept.h"
#include "report/method_groups.h"
#include "stats/estimate.h"

namespace quench::report {

/// The accuracy of one method less that of another, on the same images.
struct Difference {
  size_t group = 0, against = 0;  ///< indices into MethodComparison::groups
  stats::Estimate gap;            ///< a fraction: 0.01 is a point
  double p_adjusted = 1;          ///< gap.p by Holm's method over all differences of one runtime and device
  bool chosen = false;            ///< each is the best of its kind, chosen on other images than the gap is of
};

/// The accuracy of each method, over its seeds and test images.
struct MethodMeans {
  std::vector<MethodGroup> groups;
  std::vector<std::optional<stats::Estimate>> means;  ///< of each group; empty where outcomes of a row are missing
};

/// How the methods of a section compare.
struct MethodComparison : MethodMeans {
  std::vector<Difference> from_float;  ///< of each group from its float32 baseline's
  /// QAT against PTQ, the best of each among those of one model, runtime and widths of bits (of every layer), cut or
  /// not alike. The images that choose are not those that compare (best_of_kind.h).
  std::vector<Difference> tuned;
  /// Methods that prune by a criterion, against the one that is the same but for pruning at random.
  std::vector<Difference> from_chance;
};

/// rows: of one section.
MethodMeans method_means(const std::vector<record::Record>& rows, Metric metric, const OutcomesOf& outcomes);

/// The same, and the differences. Seeds are paired where both methods have the same ones. Methods that were scored on
/// other images than their baseline are not compared.
MethodComparison compare_methods(const std::vector<record::Record>& rows, Metric metric, const OutcomesOf& outcomes);

/// The record field of a metric.
const char* field_of(Metric metric);

}  // namespace quench::report
