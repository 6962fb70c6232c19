#include "record/record.h"
#include "report/report.h"

namespace quench::report {

namespace {

/// A field as RFC 4180 has it: quoted where it holds a comma, a quote or a line break.
std::string field_text(const Json& value) {
  std::string text;
  if (value.is_string()) {
    text = value.get<std::string>();
  } else if (!value.is_null()) {
    text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += (c == '"' ? "\"\"" : std::string(1, c));
  return quoted + "\"";
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
      line += field_text(json.at(field.name));
    }
    out += line + "\r\n";
  }
  return out;
}

}  // namespace quench::report
