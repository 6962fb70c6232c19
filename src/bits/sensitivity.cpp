#include "bits/sensitivity.h"

#include <cmath>

#include "core/error.h"

namespace quench::bits {
namespace {

constexpr const char* kForm = "quench sensitivity 1";

Json effect_json(const Effect& effect) {
  Json json{{"error", effect.error}, {"loss", effect.loss}, {"loss_error", effect.loss_error}};
  if (effect.score) json["score"] = *effect.score;
  return json;
}

class Reader {
 public:
  explicit Reader(std::string_view where) : where_(where) {}

  const Json& at(const Json& object, const char* name) const {
    if (!object.is_object() || !object.contains(name)) {
      fail(ErrorKind::data, "{}: expected a table of `quench sensitivity` with '{}', got none", where_, name);
    }
    return object[name];
  }
  double number(const Json& object, const char* name) const {
    const Json& value = at(object, name);
    if (!value.is_number() || !std::isfinite(value.get<double>())) wrong(name, "a finite number", value);
    return value.get<double>();
  }
  std::optional<double> optional(const Json& object, const char* name) const {
    return object.is_object() && object.contains(name) ? std::optional(number(object, name)) : std::nullopt;
  }
  int64_t count(const Json& object, const char* name) const {
    const Json& value = at(object, name);
    if (!value.is_number_integer() || value.get<int64_t>() < 0) wrong(name, "a count", value);
    return value.get<int64_t>();
  }
  std::string text(const Json& object, const char* name) const {
    const Json& value = at(object, name);
    if (!value.is_string()) wrong(name, "a text", value);
    return value.get<std::string>();
  }
  int bits(const Json& object, const char* name) const {
    const int64_t value = count(object, name);
    if (value < 2 || value > 8) wrong(name, "2 to 8 bits", object[name]);
    return static_cast<int>(value);
  }
  Effect effect(const Json& json) const {
    return {number(json, "error"), number(json, "loss"), number(json, "loss_error"), optional(json, "score")};
  }
  [[noreturn]] void wrong(const char* name, const char* expected, const Json& got) const {
    fail(ErrorKind::data, "{}: expected {} in '{}', got {}", where_, expected, name, got.dump());
  }

 private:
  std::string where_;
};

}  // namespace

Json to_json(const Sensitivity& table) {
  Json layers = Json::array();
  for (const LayerSensitivity& layer : table.layers) {
    Json widths = Json::array();
    for (const auto& [bits, at] : layer.widths) {
      Json entry{{"bits", bits}, {"alone", effect_json(at.alone)}, {"weight_error", at.weight_error}};
      if (at.forecast) entry["forecast"] = *at.forecast;
      widths.push_back(entry);
    }
    Json entry{{"layer", layer.layer},
               {"params", layer.params},
               {"macs", layer.macs},
               {"widths", widths},
               {"rest", effect_json(layer.rest)}};
    if (layer.trace) entry["trace"] = *layer.trace;
    layers.push_back(entry);
  }
  Json json{{"form", kForm},
            {"model", table.model},
            {"model_sha256", table.model_sha256},
            {"data", table.data},
            {"images_sha256", table.images_sha256},
            {"images", table.images},
            {"loss", table.loss},
            {"score_name", table.score_name},
            {"rest_bits", table.rest_bits},
            {"all", effect_json(table.all)},
            {"layers", layers},
            {"settings", table.settings}};
  if (table.score) json["score"] = *table.score;
  return json;
}

Sensitivity sensitivity_from(const Json& json, std::string_view where) {
  const Reader read(where);
  if (const std::string form = read.text(json, "form"); form != kForm) {
    fail(ErrorKind::data, "{}: expected the form '{}', got '{}'", where, kForm, form);
  }
  Sensitivity table;
  table.model = read.text(json, "model");
  table.model_sha256 = read.text(json, "model_sha256");
  table.data = read.text(json, "data");
  table.images_sha256 = read.text(json, "images_sha256");
  table.images = read.count(json, "images");
  table.loss = read.number(json, "loss");
  table.score_name = read.text(json, "score_name");
  table.score = read.optional(json, "score");
  table.rest_bits = read.bits(json, "rest_bits");
  table.all = read.effect(read.at(json, "all"));
  table.settings = read.at(json, "settings");
  const Json& layers = read.at(json, "layers");
  if (!layers.is_array()) read.wrong("layers", "a list", layers);
  for (const Json& entry : layers) {
    LayerSensitivity layer;
    layer.layer = read.text(entry, "layer");
    layer.params = read.count(entry, "params");
    layer.macs = read.count(entry, "macs");
    layer.rest = read.effect(read.at(entry, "rest"));
    layer.trace = read.optional(entry, "trace");
    const Json& widths = read.at(entry, "widths");
    if (!widths.is_array()) read.wrong("widths", "a list", widths);
    for (const Json& width : widths) {
      layer.widths[read.bits(width, "bits")] = {read.effect(read.at(width, "alone")),
                                                read.number(width, "weight_error"), read.optional(width, "forecast")};
    }
    table.layers.push_back(std::move(layer));
  }
  return table;
}

}  // namespace quench::bits
