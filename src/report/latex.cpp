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

bool is_interval(const Column& column) { return column.title.find("interval") != std::string::npos; }

/// A minus sign where a number begins with a hyphen; a dash between the ends of an interval.
std::string cell_text(const Column& column, size_t row) {
  const std::string& cell = column.cells[row];
  if (cell.empty()) return "--";
  if (column.numeric && cell[0] == '-') return "$-$" + escape_latex(cell.substr(1));
  const size_t hyphen = is_interval(column) ? cell.find('-', 1) : std::string::npos;
  if (hyphen == std::string::npos) return escape_latex(cell);
  return escape_latex(cell.substr(0, hyphen)) + "--" + escape_latex(cell.substr(hyphen + 1));
}

/// What a paper has no room for, unless it is asked for: paths of files, and how steady the machine was.
bool is_for_the_page(const Column& column) { return column.title == "Artifact" || column.title == "Drift"; }

}  // namespace

std::string latex(const std::vector<record::Record>& records, const std::vector<std::string>& titles,
                  const SeedMeans* means) {
  const std::vector<record::Record> rows = ok_records(records);
  Columns shown = chosen_columns(columns(rows, means), titles);
  if (titles.empty()) std::erase_if(shown.columns, is_for_the_page);
  std::string places, head, units;
  bool any_unit = false;
  for (const Column& column : shown.columns) {
    places += column.numeric || is_interval(column) ? 'r' : 'l';
    head += (head.empty() ? "" : " & ") + escape_latex(column.title);
    units +=
        (&column == shown.columns.data() ? "" : " & ") + (column.unit == "x" ? "$\\times$" : escape_latex(column.unit));
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
