#include "core/csv.h"

#include "core/json_text.h"
#include "record/record.h"
#include "report/columns.h"
#include "report/report.h"

namespace quench::report {

namespace {

std::string cell_text(const Json& value) {
  if (value.is_null()) return "";
  if (value.is_number()) return value.dump();
  return csv_cell(value.is_string() ? value.get<std::string>() : json_text(value));
}

}  // namespace

std::string csv(const std::vector<record::Record>& records) {
  std::string out;
  for (const record::Field& field : record::fields()) out += (out.empty() ? "" : ",") + field.name;
  out += "\r\n";
  for (const record::Record& record : records) {
    const Json json = record::to_json(record);
    std::string line;
    bool first = true;
    for (const record::Field& field : record::fields()) {
      if (!first) line += ',';
      first = false;
      line += cell_text(json.at(field.name));
    }
    out += line + "\r\n";
  }
  return out;
}

std::string csv_table(const std::vector<record::Record>& records, const std::vector<std::string>& titles,
                      const SeedMeans* means) {
  const std::vector<record::Record> rows = ok_records(records);
  const Columns shown = chosen_columns(columns(rows, means), titles);
  std::string out;
  const auto add_line = [&](const auto& cell_of) {
    for (const Column& column : shown.columns) {
      out += (&column == shown.columns.data() ? "" : ",") + csv_cell(cell_of(column));
    }
    out += "\r\n";
  };
  add_line(heading);
  for (size_t i = 0; i < rows.size(); ++i) add_line([i](const Column& column) { return column.cells[i]; });
  return out;
}

}  // namespace quench::report
