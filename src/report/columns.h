#pragma once

#include <optional>
#include <string>
#include <vector>

#include "record/record.h"
#include "report/seed_means.h"

namespace quench::report {

/// One column of a comparison, for people. `cells` and `values` have one entry a record.
struct Column {
  std::string title;  ///< "p50"
  std::string unit;   ///< "ms"; empty where none
  std::string help;   ///< one sentence
  bool numeric = false;
  std::vector<std::string> cells;             ///< empty text where the field does not apply
  std::vector<std::optional<double>> values;  ///< of numeric columns, for sorting
  std::vector<std::string> marks = {};        ///< what a reader of a cell must know, a sentence; empty: nothing
  std::vector<std::string> details = {};      ///< more of a cell, a sentence; empty: nothing
  /// Of columns that compare: index of the record that a value is against.
  std::vector<std::optional<size_t>> against = {};
};

/// The title with its unit: "p50 ms".
std::string heading(const Column& column);

/// A fact that all records share, taken out of the table: {"data", "cifar100"}.
struct SharedFact {
  std::string title;
  std::string text;
};

struct Columns {
  std::vector<Column> columns;     ///< only those that say something
  std::vector<SharedFact> shared;  ///< columns of settings with one value in all records
};

/// Columns of records that are ok. Accuracies in % (delta in points against `accuracy_baseline`), latencies in ms,
/// params in millions, sizes in MB (10^6 bytes). means: the records are those of it that are ok, and each has its
/// number of seeds and its standard deviation.
Columns columns(const std::vector<record::Record>& records, const SeedMeans* means = nullptr);

/// The columns of these titles alone, in that order; "P50" is as good as "p50", and "Top-1 %", the head, as "Top-1". No
/// title: all. What all rows share can be named, too, and is a column then. Throws Error{config} for a title that is
/// not there, naming those that are.
Columns chosen_columns(Columns all, const std::vector<std::string>& titles);

/// The records that are ok; those that are not, in order.
std::vector<record::Record> ok_records(const std::vector<record::Record>& records);
std::vector<record::Record> other_records(const std::vector<record::Record>& records);

}  // namespace quench::report
