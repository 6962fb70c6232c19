#pragma once

#include <string>
#include <vector>

#include "record/record.h"
#include "report/kept.h"

namespace quench::report {

/// Records as an aligned text table for a terminal (columns that say something; accuracies in %, latencies in ms).
/// titles: of the columns that are wanted, in that order (chosen_columns); empty: all.
std::string table(const std::vector<record::Record>& records, const std::vector<std::string>& titles = {});
std::string csv(const std::vector<record::Record>& records);
std::string markdown(const std::vector<record::Record>& records, const std::vector<std::string>& titles = {});
/// A `tabular` with the rules of the package booktabs; records that are not ok stay out of it.
std::string latex(const std::vector<record::Record>& records, const std::vector<std::string>& titles = {});

struct PageOptions {
  std::string title;
  std::string command;             ///< how to make these records again
  std::vector<std::string> notes;  ///< said on the page's face
  Kept kept = {};                  ///< what findings are computed from; none without
};

/// One self-contained HTML page: table and charts (GFLOPs, parameters, weight bytes, latency vs accuracy, forecast
/// latencies in a chart of their own; Pareto front
/// marked). Needs no network. Records that are not ok are listed with their reason.
std::string html(const std::vector<record::Record>& records, const PageOptions& options);

}  // namespace quench::report
