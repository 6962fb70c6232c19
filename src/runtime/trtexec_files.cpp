// What trtexec writes: times, profile, outputs.
#include <cctype>
#include <charconv>
#include <cmath>

#include "core/error.h"
#include "core/json.h"
#include "runtime/trtexec.h"

namespace quench::runtime::trtexec {
namespace {

Json rows_of(std::string_view json, std::string_view where) {
  Json rows;
  try {
    rows = parse_json(json, where);
  } catch (const Error& error) {
    fail(ErrorKind::backend, "[{}] {}", kWhere, error.what());
  }
  if (!rows.is_array()) fail(ErrorKind::backend, "[{}] {}: expected a list, got {}", kWhere, where, rows.type_name());
  return rows;
}

double number_of(const Json& row, const char* key, std::string_view where) {
  const auto found = row.is_object() ? row.find(key) : row.end();
  if (found == row.end() || !found->is_number()) {
    fail(ErrorKind::backend, "[{}] {}: expected the number '{}', got {}", kWhere, where, key,
         row.dump().substr(0, 200));
  }
  return found->get<double>();
}

int64_t to_ns(double ms) { return std::llround(ms * 1e6); }

/// Reads the text of --exportOutput from left to right.
class OutputReader {
 public:
  OutputReader(std::string_view text, std::string_view where) : text_(text), where_(where) {}

  std::vector<NamedTensor> read() {
    std::vector<NamedTensor> tensors;
    expect('[');
    if (take(']')) return tensors;
    do {
      tensors.push_back(read_tensor());
    } while (take(','));
    expect(']');
    return tensors;
  }

 private:
  NamedTensor read_tensor() {
    NamedTensor out;
    expect('{');
    expect_key("name");
    out.name = read_text();
    expect(',');
    expect_key("dimensions");
    const Shape shape = read_shape(read_text());
    expect(',');
    expect_key("values");
    expect('[');
    std::vector<float> values;
    if (!take(']')) {
      do {
        values.push_back(read_number());
      } while (take(','));
      expect(']');
    }
    expect('}');
    if (static_cast<int64_t>(values.size()) != element_count(shape)) {
      fail(ErrorKind::backend, "[{}] {}: expected {} values of '{}' {}, got {}", kWhere, where_, element_count(shape),
           out.name, to_string(shape), values.size());
    }
    out.tensor = Tensor::from(values, shape);
    return out;
  }

  Shape read_shape(const std::string& text) {  // "1x255x80x80"
    Shape shape;
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at != end) {
      int64_t size = 0;
      const auto [stop, code] = std::from_chars(at, end, size);
      if (code != std::errc() || size < 1 || (stop != end && *stop != 'x')) wrong("dimensions");
      shape.push_back(size);
      at = stop == end ? end : stop + 1;
    }
    return shape;
  }

  float read_number() {
    skip_space();
    float value = 0;
    const char* const end = text_.data() + text_.size();
    const auto [stop, code] = std::from_chars(text_.data() + at_, end, value);
    if (code != std::errc()) wrong("a number");
    at_ = static_cast<size_t>(stop - text_.data());
    return value;
  }

  std::string read_text() {
    expect('"');
    const size_t end = text_.find('"', at_);
    if (end == std::string_view::npos) wrong("the end of a text");
    const std::string out(text_.substr(at_, end - at_));
    at_ = end + 1;
    return out;
  }

  void expect_key(std::string_view key) {
    if (read_text() != key) wrong(key);
    expect(':');
  }
  void expect(char c) {
    if (!take(c)) wrong(std::string_view(&c, 1));
  }
  bool take(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void skip_space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  [[noreturn]] void wrong(std::string_view expected) const {
    fail(ErrorKind::backend, "[{}] {}: expected {} at byte {}, got '{}'", kWhere, where_, expected, at_,
         text_.substr(std::min(at_, text_.size()), 20));
  }

  std::string_view text_;
  std::string_view where_;
  size_t at_ = 0;
};

}  // namespace

Times parse_times(std::string_view json, int64_t warm_up_ms, std::string_view where) {
  Times times;
  double first_ms = 0, last_ms = 0;
  for (const Json& row : rows_of(json, where)) {
    if (number_of(row, "startComputeMs", where) < static_cast<double>(warm_up_ms)) {
      ++times.warm_up_runs;
      continue;
    }
    const double latency = number_of(row, "latencyMs", where), compute = number_of(row, "computeMs", where);
    if (!(latency > 0) || !(compute >= 0)) {
      fail(ErrorKind::backend, "[{}] {}: expected times above 0, got {}", kWhere, where, row.dump());
    }
    if (times.latencies_ns.empty()) first_ms = number_of(row, "startH2dMs", where);
    last_ms = number_of(row, "endD2hMs", where);
    times.latencies_ns.push_back(to_ns(latency));
    times.compute_ns.push_back(to_ns(compute));
  }
  if (times.latencies_ns.empty()) {
    fail(ErrorKind::backend, "[{}] {}: expected times of runs, got {} of the warm-up and none else", kWhere, where,
         times.warm_up_runs);
  }
  times.seconds = (last_ms - first_ms) / 1e3;
  return times;
}

std::vector<LayerTime> parse_profile(std::string_view json, std::string_view where) {
  std::vector<LayerTime> layers;
  for (const Json& row : rows_of(json, where)) {
    if (row.is_object() && row.contains("count")) continue;  // the first row: how many runs
    if (!row.is_object() || !row.contains("name") || !row["name"].is_string()) {
      fail(ErrorKind::backend, "[{}] {}: expected a layer's row with 'name', got {}", kWhere, where, row.dump());
    }
    LayerTime& layer = layers.emplace_back();
    layer.layer = row["name"];
    layer.time_ns = to_ns(number_of(row, "averageMs", where));
  }
  return layers;
}

std::vector<NamedTensor> parse_outputs(std::string_view text, std::string_view where) {
  return OutputReader(text, where).read();
}

}  // namespace quench::runtime::trtexec
