#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "record/record.h"

namespace quench::cli {

/// Rows of texts as an aligned table; the first row is the head. Columns whose cells are all numbers align right.
/// Cells are shown on one line, as printable_line() has them.
std::string text_table(std::vector<std::vector<std::string>> rows);

/// Rows of texts, the first the head, in a format: table, csv, md.
std::string render_rows(const std::vector<std::vector<std::string>>& rows, const std::string& format);

/// JSON objects in a format: json (one list), jsonl (one a line).
std::string render_objects(const Json& list, const std::string& format);

/// Records in a format: table, json, jsonl, csv, md.
std::string render(const std::vector<record::Record>& records, const std::string& format);

/// 1234567 -> "1,234,567".
std::string grouped(int64_t number);

/// Bytes for people: "4.98 MB" (1e6).
std::string bytes_text(int64_t bytes);

}  // namespace quench::cli
