#include "devices/anchors.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "core/error.h"
#include "core/text.h"
#include "core/text_encoding.h"
#include "models/spec.h"
#include "models/yolov5u.h"

namespace quench::devices {
namespace {

using Fields = std::vector<std::string>;

struct Line {
  Fields fields;
  int64_t number = 0;
};

/// Lines of CSV, empty ones left out; quoted fields may hold commas, line breaks and doubled quotes.
std::vector<Line> csv_lines(std::string_view text, const std::string& where) {
  std::vector<Line> lines;
  Line line{{""}, 1};
  int64_t number = 1;
  bool quoted = false;
  const auto end_line = [&] {
    if (line.fields.size() > 1 || !line.fields[0].empty()) lines.push_back(line);
    line = {{""}, number};
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    std::string& field = line.fields.back();
    if (c == '\n') ++number;
    if (quoted) {
      if (c != '"') {
        field += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        field += text[++i];
      } else {
        quoted = false;
      }
    } else if (c == '"' && field.empty()) {
      quoted = true;
    } else if (c == ',') {
      line.fields.emplace_back();
    } else if (c == '#' && line.fields.size() == 1 && field.empty()) {
      i = std::min(text.find('\n', i), text.size()) - 1;  // a comment: to the end of the line
    } else if (c == '\n') {
      end_line();
    } else if (c != '\r') {
      field += c;
    }
  }
  if (quoted)
    fail(ErrorKind::data, "{}:{}: expected the end of a quoted field, got the end of the file", where, line.number);
  end_line();
  return lines;
}

/// For messages: files of another form may have a line without end.
std::string shortened(const std::string& text) { return text.size() <= 80 ? text : text.substr(0, 80) + "..."; }

class Columns {
 public:
  Columns(const Line& head, const std::string& where) : count_(head.fields.size()) {
    for (size_t i = 0; i < head.fields.size(); ++i) index_[head.fields[i]] = i;
    constexpr const char* kNeeded[] = {"device", "model", "input", "runtime", "precision", "latency_ms"};
    for (const char* needed : kNeeded) {
      if (index_.contains(needed)) continue;
      fail(ErrorKind::data, "{}:{}: expected a column '{}' of CSV (needed: {}), got {}", where, head.number, needed,
           fmt::join(kNeeded, ", "), shortened(fmt::format("{}", fmt::join(head.fields, ","))));
    }
  }
  const std::string& of(const Line& line, const char* name) const { return line.fields[index_.at(name)]; }
  size_t count() const { return count_; }

 private:
  std::map<std::string, size_t> index_;
  size_t count_;
};

double positive(const std::string& text, double max, const char* what, const std::string& where) {
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || !(value > 0 && value <= max)) {
    fail(ErrorKind::data, "{}: expected {} above 0 and at most {}, got '{}'", where, what, max, text);
  }
  return value;
}

struct Named {
  models::Spec spec;
  bool with_v8_head = false;  ///< YOLOv5u
};

Named named_spec(const std::string& model) {
  const bool with_v8_head = model.starts_with("yolov5") && model.ends_with("u");
  const std::string base = with_v8_head ? model.substr(0, model.size() - 1) : model;
  if (base.find(':') == std::string::npos && !models::is_name(base)) {
    fail(ErrorKind::config, "quench builds no model '{}'", model);
  }
  return {models::spec(base), with_v8_head};
}

/// "tensorrt8.2" and quench's "tensorrt-fp16" -> "tensorrt".
std::string published_library(const std::string& runtime) {
  const std::string name = runtime.substr(0, runtime.find("-fp16"));
  return name.substr(0, name.find_last_not_of("0123456789.") + 1);
}

}  // namespace

AnchorFile read_anchors(std::string_view text, const std::string& where) {
  const std::vector<Line> lines = csv_lines(decoded_text(std::string(text)), where);  // spreadsheets mark a file
  if (lines.empty()) fail(ErrorKind::data, "{}: expected a line that names columns, got an empty file", where);
  const Columns columns(lines.front(), where);
  AnchorFile out;
  for (size_t i = 1; i < lines.size(); ++i) {
    const Line& line = lines[i];
    const std::string place = fmt::format("{}:{}", where, line.number);
    if (line.fields.size() != columns.count()) {
      fail(ErrorKind::data, "{}: expected {} fields, got {}", place, columns.count(), line.fields.size());
    }
    const std::string& latency = columns.of(line, "latency_ms");
    if (latency.find_first_not_of(" \t") == std::string::npos) {
      out.unfilled.push_back(line.number);
      continue;
    }
    Anchor anchor;
    anchor.device = columns.of(line, "device");
    anchor.model = columns.of(line, "model");
    anchor.imgsz = static_cast<int64_t>(positive(columns.of(line, "input"), 65536, "an image side", place));
    anchor.runtime = published_library(columns.of(line, "runtime"));
    anchor.latency_ns = static_cast<int64_t>(positive(latency, 1e9, "milliseconds", place) * 1e6);
    anchor.where = place;
    const std::string& precision = columns.of(line, "precision");
    const std::string word = precision.substr(0, precision.find_first_of(" ?"));
    if (word != "fp32" && word != "fp16" && word != "int8") {
      out.skipped.push_back(fmt::format("{}: precision '{}' is not one of fp32, fp16, int8", place, precision));
      continue;
    }
    anchor.precision = precision_of(word);
    out.anchors.push_back(std::move(anchor));
  }
  return out;
}

graph::Graph anchor_graph(const std::string& model, int64_t imgsz) {
  const Named named = named_spec(model);
  models::BuildOptions options;
  options.imgsz = static_cast<int>(imgsz);
  if (!named.with_v8_head) return models::build(named.spec, options);
  models::Spec spec = models::yolov5u(named.spec);
  spec.name = model;
  return models::build(spec, options);
}

ScaledName scaled_name(const std::string& model) {
  const Named named = named_spec(model);
  const models::Spec& spec = named.spec;
  const size_t colon = spec.name.find(':');
  // "yolov5n-cls" has its size after the family, "yolov5-cls:d1w1" its multipliers after all.
  const std::string base = colon != std::string::npos
                               ? spec.name.substr(0, colon)
                               : spec.family + spec.name.substr(std::min(spec.family.size() + 1, spec.name.size()));
  const std::string family = base + (named.with_v8_head ? "u" : "");
  return {fmt::format("{}:d{}w{}", family, spec.depth, spec.width), family, fmt::format("{}", spec.width)};
}

}  // namespace quench::devices
