#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "metrics/outcomes.h"
#include "record/record.h"
#include "report/method_groups.h"
#include "stats/estimate.h"

namespace quench::report {

/// What each image adds to a record's accuracy; nothing where nobody kept it. Not called for records without
/// `outcomes`.
using OutcomesOf = std::function<std::optional<metrics::Outcomes>(const record::Record&)>;

/// The accuracy of one method less that of another, on the same images.
struct Difference {
  size_t group = 0, against = 0;  ///< indices into MethodComparison::groups
  stats::Estimate gap;            ///< a fraction: 0.01 is a point
  double p_adjusted = 1;          ///< gap.p by Holm's method over the differences of one runtime and device
};

/// How the methods of a section compare.
struct MethodComparison {
  std::vector<MethodGroup> groups;
  std::vector<std::optional<stats::Estimate>> means;  ///< of each group; empty where outcomes of a row are missing
  std::vector<Difference> from_float;                 ///< of each group from its float32 baseline's
  /// QAT against PTQ, the best of each by these test images, among those of one model, runtime and widths of bits, cut
  /// or not alike.
  std::vector<Difference> tuned;
  /// Methods that prune by a criterion, against the one that is the same but for pruning at random.
  std::vector<Difference> from_chance;
};

/// rows: of one section. Seeds are paired where both methods have the same ones. Methods that were scored on other
/// images than their baseline are not compared.
MethodComparison compare_methods(const std::vector<record::Record>& rows, Metric metric, const OutcomesOf& outcomes);

/// The record field of a metric.
const char* field_of(Metric metric);

}  // namespace quench::report
