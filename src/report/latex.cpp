#include <fmt/format.h>

#include "core/printable.h"
#include "core/text.h"
#include "report/columns.h"
#include "report/report.h"

namespace quench::report {
namespace {

std::string escape_latex(const std::string& text) {
  std::string out;
  for (const char c : printable_line(text)) {
    switch (c) {
      case '\\': out += "\\textbackslash{}"; break;
      case '~': out += "\\textasciitilde{}"; break;
      case '^': out += "\\textasciicircum{}"; break;
      case '&':
      case '%':
      case '$':
      case '#':
      case '_':
      case '{':
      case '}': out += std::string("\\") + c; break;
      default: out += c;
    }
  }
  return out;
}

/// A minus sign where a number begins with a hyphen.
std::string cell_text(const Column& column, size_t row) {
  const std::string& cell = column.cells[row];
  if (cell.empty()) return "--";
  return column.numeric && cell[0] == '-' ? "$-$" + escape_latex(cell.substr(1)) : escape_latex(cell);
}

}  // namespace

std::string latex(const std::vector<record::Record>& records, const std::vector<std::string>& titles) {
  const std::vector<record::Record> rows = ok_records(records);
  const Columns shown = chosen_columns(columns(rows), titles);
  std::string places, head, units;
  bool any_unit = false;
  for (const Column& column : shown.columns) {
    places += column.numeric ? 'r' : 'l';
    head += (head.empty() ? "" : " & ") + escape_latex(column.title);
    units += (&column == shown.columns.data() ? "" : " & ") + escape_latex(column.unit);
    any_unit = any_unit || !column.unit.empty();
  }
  std::string out = "% \\usepackage{booktabs}\n";
  if (!shown.shared.empty()) {
    out += "%";
    for (const SharedFact& fact : shown.shared)
      out += fmt::format(" {}: {};", lower(fact.title), printable_line(fact.text));
    out += "\n";
  }
  out += fmt::format("\\begin{{tabular}}{{{}}}\n\\toprule\n{} \\\\\n", places, head);
  if (any_unit) out += units + " \\\\\n";
  out += "\\midrule\n";
  for (size_t i = 0; i < rows.size(); ++i) {
    std::string line;
    for (const Column& column : shown.columns)
      line += (&column == shown.columns.data() ? "" : " & ") + cell_text(column, i);
    out += line + " \\\\\n";
  }
  return out + "\\bottomrule\n\\end{tabular}\n";
}

}  // namespace quench::report
