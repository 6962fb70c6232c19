#pragma once

#include <string>
#include <vector>

#include "report/compare.h"

namespace quench::report {

/// HTML of the best rows of a section (records that are ok), each with the name of its row: most accurate, fastest,
/// smallest. Where its rows are of more than one group that was timed together, the fastest of each group stand in a
/// table, and none is called the fastest of all.
std::string best_rows_html(const std::vector<record::Record>& rows, Metric metric);

}  // namespace quench::report
