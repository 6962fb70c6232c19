#include "latency_table/table.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/hash.h"
#include "core/json_text.h"

namespace quench::latency_table {
namespace {

using metrics::ShapedLayer;

constexpr int kFormat = 1;
constexpr size_t kDigits = 12;

Json to_json(const Machine& machine) {
  return {{"device", machine.device},
          {"runtime", machine.runtime},
          {"threads", machine.threads},
          {"precision", machine.precision},
          {"quench", machine.version}};
}

Json member(const Json& json, const char* key, const std::string& where) {
  if (!json.is_object() || !json.contains(key)) fail(ErrorKind::data, "{}: expected the key '{}'", where, key);
  return json.at(key);
}

std::string text(const Json& json, const char* key, const std::string& where) {
  const Json value = member(json, key, where);
  if (!value.is_string()) fail(ErrorKind::data, "{}: expected a text for '{}'", where, key);
  return value;
}

int64_t count(const Json& value, const std::string& where) {
  if (!value.is_number_integer() || value.get<int64_t>() < 1 || value.get<int64_t>() > (int64_t{1} << 30)) {
    fail(ErrorKind::data, "{}: expected a number of 1 or more, got {}", where, value.dump().substr(0, 40));
  }
  return value;
}

double time(const Json& value, const std::string& where) {
  if (!value.is_number() || !std::isfinite(value.get<double>()) || value.get<double>() < 0) {
    fail(ErrorKind::data, "{}: expected a time of 0 or more, got {}", where, value.dump().substr(0, 40));
  }
  return value;
}

std::vector<int64_t> widths(const Json& list, const std::string& where) {
  if (!list.is_array()) fail(ErrorKind::data, "{}: expected a list of widths", where);
  std::vector<int64_t> out;
  for (const Json& value : list) out.push_back(count(value, where));
  if (std::ranges::adjacent_find(out, std::greater_equal<>()) != out.end()) {
    fail(ErrorKind::data, "{}: expected widths in ascending order", where);
  }
  return out;
}

Grid grid_from(const Json& json, const std::string& where) {
  Grid grid{widths(member(json, "in", where), where), widths(member(json, "out", where), where), {}};
  const Json rows = member(json, "ns", where);
  const size_t columns = std::max<size_t>(1, grid.out.size());
  if (grid.in.empty() || !rows.is_array() || rows.size() != grid.in.size()) {
    fail(ErrorKind::data, "{}: expected times of {} widths", where, grid.in.size());
  }
  for (const Json& row : rows) {
    if (!row.is_array() || row.size() != columns) fail(ErrorKind::data, "{}: expected {} times", where, columns);
    std::vector<double>& to = grid.ns.emplace_back();
    for (const Json& value : row) to.push_back(time(value, where));
  }
  return grid;
}

}  // namespace

std::string Table::key_of(const ShapedLayer& layer) {
  return canonical_text(
      {{"shape", metrics::to_json(layer.shape)}, {"in", layer.in_channels}, {"out", layer.out_channels}});
}

std::string Table::key_of(const std::vector<ShapedLayer>& layers) {
  std::string all;
  for (const ShapedLayer& layer : layers) all += key_of(layer) + "\n";
  return sha256_hex(all).substr(0, kDigits);
}

std::function<double(int64_t, int64_t)> Table::time_of(const ShapedLayer& layer) const {
  const auto found = layers_.find(key_of(layer));
  ensure(found != layers_.end() && steps_.has_value(), "[latency_table] no times of layer '{}'", layer.name);
  return [surface = Surface(found->second, *steps_)](int64_t in, int64_t out) { return surface.at(in, out); };
}

std::optional<double> Table::model_ns(const std::vector<ShapedLayer>& layers) const {
  const auto found = models_.find(key_of(layers));
  return found == models_.end() ? std::nullopt : std::optional(found->second);
}

void Table::set_model_ns(const std::vector<ShapedLayer>& layers, double ns) { models_[key_of(layers)] = ns; }

std::string Table::id() const { return sha256_hex(canonical_text(to_json(*this))).substr(0, kDigits); }

Json to_json(const Table& table) {
  Json json{{"format", kFormat}, {"machine", to_json(table.machine_)}};
  if (table.steps_) json["steps"] = {{"in", table.steps_->in}, {"out", table.steps_->out}};
  json["layers"] = Json::array();
  for (const auto& [key, grid] : table.layers_) {
    json["layers"].push_back({{"layer", parse_json(key, "key")}, {"in", grid.in}, {"out", grid.out}, {"ns", grid.ns}});
  }
  json["models"] = Json::object();
  for (const auto& [key, ns] : table.models_) json["models"][key] = ns;
  return json;
}

Table table_from(const Json& json, const std::string& where) {
  if (member(json, "format", where) != kFormat) fail(ErrorKind::data, "{}: expected format {}", where, kFormat);
  const Json machine = member(json, "machine", where);
  Table table({text(machine, "device", where), text(machine, "runtime", where),
               count(member(machine, "threads", where), where), text(machine, "precision", where),
               text(machine, "quench", where)});
  if (json.contains("steps")) {
    table.steps_ =
        Steps{count(member(json["steps"], "in", where), where), count(member(json["steps"], "out", where), where)};
  }
  const Json layers = member(json, "layers", where), models = member(json, "models", where);
  if (!layers.is_array() || !models.is_object()) fail(ErrorKind::data, "{}: expected layers and models", where);
  for (const Json& entry : layers) {
    const Json layer = member(entry, "layer", where);
    ShapedLayer known;
    known.shape = metrics::layer_shape_from(member(layer, "shape", where), where);
    known.in_channels = count(member(layer, "in", where), where);
    known.out_channels = count(member(layer, "out", where), where);
    table.add(known, grid_from(entry, where));
  }
  for (const auto& [key, ns] : models.items()) table.models_[key] = time(ns, where);
  return table;
}

std::filesystem::path table_file(const std::filesystem::path& cache_folder, const Machine& machine) {
  return cache_folder / "latency" / (sha256_hex(canonical_text(to_json(machine))).substr(0, kDigits) + ".json");
}

}  // namespace quench::latency_table
