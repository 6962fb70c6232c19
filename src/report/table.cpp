#include <algorithm>

#include "core/printable.h"
#include "core/text.h"
#include "report/columns.h"
#include "report/compare.h"
#include "report/format.h"
#include "report/report.h"

namespace quench::report {

using record::Record;

namespace {

std::string padded(const std::string& text, size_t width, bool right) {
  const size_t used = display_width(text);
  const std::string space(width > used ? width - used : 0, ' ');
  return right ? space + text : text + space;
}

std::string right_trimmed(std::string text) {
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

/// What has no result, and why: a line each.
std::vector<std::string> reason_lines(const std::vector<Record>& others) {
  std::vector<std::string> lines = labels_apart(others);
  for (size_t i = 0; i < others.size(); ++i) {
    const Record& record = others[i];
    lines[i] = printable_line(lines[i] + ": " + record.status + (record.reason ? ": " + *record.reason : ""));
  }
  return lines;
}

std::string shared_line(const std::vector<SharedFact>& shared) {
  std::string line;
  for (const SharedFact& fact : shared) {
    line += (line.empty() ? "All rows: " : ", ") + lower(fact.title) + " " + printable_line(fact.text);
  }
  return line;
}

std::string escape_markdown(const std::string& text) {
  std::string out;
  for (const char c : printable_line(text)) {
    if (c == '|' || c == '\\' || c == '*' || c == '_' || c == '`' || c == '<' || c == '[') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string table(const std::vector<Record>& records, const std::vector<std::string>& titles, const SeedMeans* means) {
  const std::vector<Record> rows = ok_records(records);
  Columns shown = chosen_columns(columns(rows, means), titles);
  for (Column& column : shown.columns) {
    for (std::string& cell : column.cells) cell = cell.empty() ? "-" : printable_line(cell);
  }
  std::string header, rule;
  std::vector<std::string> lines(rows.size());
  for (const Column& column : shown.columns) {
    size_t width = display_width(heading(column));
    for (const std::string& cell : column.cells) width = std::max(width, display_width(cell));
    const char* gap = header.empty() ? "" : "  ";
    header += gap + padded(heading(column), width, column.numeric);
    rule += gap + std::string(width, '-');
    for (size_t i = 0; i < rows.size(); ++i) {
      lines[i] += gap + padded(column.cells[i], width, column.numeric);
    }
  }
  std::string out;
  if (!rows.empty()) {
    out = right_trimmed(header) + "\n" + rule + "\n";
    for (const std::string& line : lines) out += right_trimmed(line) + "\n";
  }
  if (const std::string line = shared_line(shown.shared); !line.empty()) out += "\n" + line + "\n";
  const std::vector<Record> others = other_records(records);
  if (!others.empty()) out += (out.empty() ? "Without a result:\n" : "\nWithout a result:\n");
  for (const std::string& line : reason_lines(others)) out += "  " + line + "\n";
  return out.empty() ? "no records\n" : out;
}

std::string markdown(const std::vector<Record>& records, const std::vector<std::string>& titles,
                     const SeedMeans* means) {
  const std::vector<Record> rows = ok_records(records);
  const Columns shown = chosen_columns(columns(rows, means), titles);
  std::string out;
  if (!rows.empty()) {
    std::string rule = "|";
    out = "|";
    for (const Column& column : shown.columns) {
      out += " " + escape_markdown(heading(column)) + " |";
      rule += column.numeric ? " ---: |" : " --- |";
    }
    out += "\n" + rule + "\n";
    for (size_t i = 0; i < rows.size(); ++i) {
      out += "|";
      for (const Column& column : shown.columns) out += " " + escape_markdown(column.cells[i]) + " |";
      out += "\n";
    }
  }
  if (const std::string line = shared_line(shown.shared); !line.empty()) out += "\n" + escape_markdown(line) + "\n";
  const std::vector<Record> others = other_records(records);
  if (!others.empty()) out += (out.empty() ? "Without a result:\n\n" : "\nWithout a result:\n\n");
  for (const std::string& line : reason_lines(others)) out += "- " + escape_markdown(line) + "\n";
  return out.empty() ? "no records\n" : out;
}

}  // namespace quench::report
