#include "cli/print.h"

#include <algorithm>

#include "core/csv.h"
#include "core/error.h"
#include "core/json_text.h"
#include "core/printable.h"
#include "report/report.h"

namespace quench::cli {

std::string text_table(std::vector<std::vector<std::string>> rows) {
  for (auto& row : rows) {
    for (std::string& cell : row) cell = printable_line(cell);
  }
  std::vector<size_t> widths;
  std::vector<bool> numeric;
  for (size_t r = 0; r < rows.size(); ++r) {
    for (size_t c = 0; c < rows[r].size(); ++c) {
      if (c >= widths.size()) {
        widths.push_back(0);
        numeric.push_back(true);
      }
      widths[c] = std::max(widths[c], rows[r][c].size());
      const std::string& cell = rows[r][c];
      if (r > 0 && !cell.empty() && cell.find_first_not_of("0123456789.,-+%") != std::string::npos) numeric[c] = false;
    }
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c) {
      if (c) line += "  ";
      line += numeric[c] ? fmt::format("{:>{}}", row[c], widths[c]) : fmt::format("{:<{}}", row[c], widths[c]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

namespace {

std::string md_field(const std::string& text) {
  std::string out;
  for (const char c : printable_line(text)) out += c == '|' ? "\\|" : std::string(1, c);
  return out;
}

}  // namespace

std::string render_rows(const std::vector<std::vector<std::string>>& rows, const std::string& format) {
  if (format == "table") return text_table(rows);
  ensure(format == "csv" || format == "md", "[cli] no format '{}'", format);
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (const std::string& cell : row) {
      line += format == "md" ? "| " + md_field(cell) + " "
                             : (line.empty() && &cell == row.data() ? "" : ",") + csv_cell(cell);
    }
    out += line + (format == "md" ? "|\n" : "\r\n");
    if (format == "md" && &row == rows.data()) {
      for (size_t i = 0; i < row.size(); ++i) out += "| --- ";
      out += "|\n";
    }
  }
  return out;
}

std::string render_objects(const Json& list, const std::string& format) {
  if (format == "json") return json_text(list, 2) + "\n";
  ensure(format == "jsonl", "[cli] no format '{}'", format);
  std::string out;
  for (const Json& object : list) out += json_text(object) + "\n";
  return out;
}

std::string render(const std::vector<record::Record>& records, const std::string& format) {
  if (format == "table") return report::table(records);
  if (format == "md") return report::markdown(records);
  if (format == "csv") return report::csv(records);
  if (format == "jsonl") {
    std::string out;
    for (const record::Record& record : records) out += json_text(record::to_json(record)) + "\n";
    return out;
  }
  ensure(format == "json", "[cli] no format '{}'", format);
  Json list = Json::array();
  for (const record::Record& record : records) list.push_back(record::to_json(record));
  return json_text(list, 2) + "\n";
}

std::string grouped(int64_t number) {
  std::string text = std::to_string(number);
  for (auto i = static_cast<int64_t>(text.size()) - 3; i > (number < 0 ? 1 : 0); i -= 3) text.insert(i, ",");
  return text;
}

std::string bytes_text(int64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  if (bytes < 1000000) return fmt::format("{:.1f} kB", static_cast<double>(bytes) / 1e3);
  return fmt::format("{:.2f} MB", static_cast<double>(bytes) / 1e6);
}

}  // namespace quench::cli
