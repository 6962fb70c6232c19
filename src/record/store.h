#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "record/record.h"

namespace quench::record {

/// Appends one record as one JSON line, synced. A full disk leaves the earlier lines untouched (Error{io}).
void append(const std::filesystem::path& file, const Record& record);

struct Loaded {
  std::vector<Record> records;
  std::vector<std::string> warnings;  ///< "line 7: torn, skipped"
};

/// All records of a file. A torn last line (kill while writing) is skipped with a warning; any other malformed line is
/// Error{data} naming file and line. A missing file: Error{io}.
Loaded load(const std::filesystem::path& file);

/// The newest record of each cell, in order of first appearance.
std::vector<Record> latest(const std::vector<Record>& records);

}  // namespace quench::record
