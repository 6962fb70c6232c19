#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "record/record.h"
#include "report/differences.h"
#include "report/latency_ratios.h"

namespace quench::report {

/// Findings as a list with links to the rows of table `index`, the methods with their means over seeds, and their
/// latencies beside float32. Empty where
/// the records say nothing of the kind.
std::string findings_html(const std::vector<record::Record>& rows, Metric metric, const MethodComparison& comparison,
                          const std::vector<LatencyRatio>& ratios, size_t index);

/// The id of a row of table `index`, which such links point to.
std::string row_id(size_t index, size_t row);

}  // namespace quench::report
