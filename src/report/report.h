#pragma once

#include <string>
#include <vector>

#include "record/record.h"
#include "report/kept.h"
#include "report/seed_means.h"

namespace quench::report {

/// Records as an aligned text table for a terminal (columns that say something; accuracies in %, latencies in ms).
/// titles: of the columns that are wanted, in that order (chosen_columns); empty: all. means: the records are its own.
std::string table(const std::vector<record::Record>& records, const std::vector<std::string>& titles = {},
                  const SeedMeans* means = nullptr);
std::string markdown(const std::vector<record::Record>& records, const std::vector<std::string>& titles = {},
                     const SeedMeans* means = nullptr);
/// A `tabular` with the rules of the package booktabs; records that are not ok stay out of it.
std::string latex(const std::vector<record::Record>& records, const std::vector<std::string>& titles = {},
                  const SeedMeans* means = nullptr);
/// The same table as CSV (RFC 4180): a head, and the cells as people see them.
std::string csv_table(const std::vector<record::Record>& records, const std::vector<std::string>& titles,
                      const SeedMeans* means = nullptr);
/// All fields of the records, as they are.
std::string csv(const std::vector<record::Record>& records);

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
