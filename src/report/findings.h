#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "record/record.h"
#include "report/differences.h"
#include "report/latency_ratios.h"

namespace quench::report {

/// What the records say, in a sentence, and the rows that it comes from.
struct Finding {
  enum class Kind { answer, accuracy, latency };  ///< a method beside its float32 model: accuracy, latency; else answer
  std::string text;
  std::vector<size_t> rows;  ///< indices into the records
  Kind kind = Kind::answer;
  bool shows = true;  ///< of a difference: there is evidence of it
};

/// Differences of accuracy and of latency that hold and those that do not show, and the fastest row of each device that
/// loses no more than a point. rows: of one section. Nothing where no record has outcomes of its images and none was
/// timed.
std::vector<Finding> findings(const std::vector<record::Record>& rows, Metric metric,
                              const MethodComparison& comparison, const std::vector<LatencyRatio>& ratios);

/// A table of the methods: seeds, mean, deviation, interval and difference from float32. For people; a row a group that
/// has a mean.
struct MethodLine {
  std::string method, seeds, mean, deviation, interval, gap, gap_interval, p;
};
std::vector<MethodLine> method_lines(const MethodComparison& comparison);

/// What must be known of findings: how intervals are made, what those of one seed do not hold, and which images chose
/// what.
std::vector<std::string> findings_notes(const std::vector<record::Record>& rows, const MethodComparison& comparison,
                                        const std::vector<LatencyRatio>& ratios);

/// Findings of records for a terminal: sentences with the cells that they come from; empty where there are none.
std::string findings_text(const std::vector<record::Record>& records, const Kept& kept);

}  // namespace quench::report
