#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/log.h"
#include "record/record.h"

namespace quench::record {

/// Appends one record as one JSON line, synced. A full disk leaves the earlier lines untouched (Error{io}).
void append(const std::filesystem::path& file, const Record& record);
/// Several, in one write: records that belong together are not told apart by a kill between two writes. Nothing where
/// there are none.
void append(const std::filesystem::path& file, std::span<const Record> records);

struct Loaded {
  std::vector<Record> records;
  std::vector<std::string> warnings;  ///< of lines and values that were skipped: "records.jsonl: line 7: torn, skipped"
};

/// All records of a file. A line that is none (torn by a kill while writing, or by hand or disk) is skipped with a
/// warning that names file and line, and stays in the file; of a record, a number that cannot be. A missing file:
/// Error{io}.
Loaded load(const std::filesystem::path& file);
/// The same of a file's content; name: of the file, for warnings.
Loaded load(std::string_view content, const std::string& name);

/// The warnings to a log: the first few, and how many more there are.
void tell_skipped(const Loaded& loaded, const LogSink& log);

/// The newest record of each cell, in order of first appearance.
std::vector<Record> latest(const std::vector<Record>& records);

/// The records of these cells, in the cells' order; all where none is named.
std::vector<Record> of_cells(std::vector<Record> records, const std::vector<std::string>& cells);

}  // namespace quench::record
