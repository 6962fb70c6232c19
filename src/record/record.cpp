#include "record/record.h"

#include <algorithm>
#include <array>
#include <type_traits>
#include <variant>

#include "core/error.h"
#include "core/json_text.h"
#include "core/utf8.h"

namespace quench::record {
namespace {

constexpr int64_t kSchema = 1;

using Member = std::variant<int64_t Record::*, std::string Record::*, std::optional<int64_t> Record::*,
                            std::optional<double> Record::*, std::optional<bool> Record::*,
                            std::optional<std::string> Record::*, Json Record::*>;

/// What a number can be. A record that says another is torn, or of somebody who plays with it.
struct Range {
  double low, high;
};

/// By unit; far beyond what is measured anywhere.
Range range_of(std::string_view unit) {
  constexpr std::pair<std::string_view, Range> kRanges[] = {
      {"fraction", {0, 1}}, {"bits", {0, 64}}, {"px", {0, 1e6}}, {"GFLOPs", {0, 1e9}},     {"bytes", {0, 1e15}},
      {"ns", {0, 1e15}},    {"mJ", {0, 1e12}}, {"mW", {0, 1e9}}, {"C", {-273.15, 10'000}}, {"MHz", {0, 1e6}},
  };
  for (const auto& [known, range] : kRanges) {
    if (known == unit) return range;
  }
  return {0, 1e18};  // counts
}

struct Entry {
  const char* name;
  Member member;
  const char* unit;
  const char* title;
  bool is_accuracy = false;
  Range range = range_of(unit);
};

/// The field table. Order here is order in JSON and in tables.
const std::vector<Entry>& table() {
#define QUENCH_FIELD(name, unit, title) \
  { #name, &Record::name, unit, title }  // the struct's spelling is the JSON key
#define QUENCH_ACCURACY(name, title) \
  { #name, &Record::name, "fraction", title, true }
  static const std::vector<Entry> entries = {
      QUENCH_FIELD(schema, "", "Schema"),
      QUENCH_FIELD(status, "", "Status"),
      QUENCH_FIELD(reason, "", "Reason"),
      QUENCH_FIELD(study, "", "Study"),
      QUENCH_FIELD(cell, "", "Cell"),
      QUENCH_FIELD(model, "", "Model"),
      QUENCH_FIELD(entry, "", "Entry"),
      QUENCH_FIELD(task, "", "Task"),
      QUENCH_FIELD(data, "", "Data"),
      QUENCH_FIELD(imgsz, "px", "Image size"),
      QUENCH_FIELD(method, "", "Method"),
      QUENCH_FIELD(setting, "", "Setting"),
      QUENCH_FIELD(bits_w, "bits", "Weight bits"),
      QUENCH_FIELD(bits_a, "bits", "Activation bits"),
      QUENCH_FIELD(bits_w_mean, "bits", "Weight bits, mean"),
      QUENCH_FIELD(layer_bits, "", "Layers of other widths"),
      QUENCH_FIELD(levels, "", "Levels of weights"),
      QUENCH_FIELD(scales, "", "Scales"),
      QUENCH_FIELD(group_size, "", "Inputs of a group of weights"),
      QUENCH_FIELD(activation_scales, "", "Scales of activations"),
      QUENCH_FIELD(runtime, "", "Runtime"),
      QUENCH_FIELD(device, "", "Device"),
      QUENCH_FIELD(threads, "", "Threads"),
      QUENCH_FIELD(seed, "", "Seed"),
      QUENCH_FIELD(sparse, "", "Sparsity pattern"),
      QUENCH_FIELD(params, "", "Parameters"),
      QUENCH_FIELD(nonzero_params, "", "Parameters, not zero"),
      QUENCH_FIELD(macs, "", "MACs"),
      QUENCH_FIELD(gflops, "GFLOPs", "GFLOPs"),
      QUENCH_FIELD(bops, "", "Bit operations"),
      QUENCH_FIELD(weights_bytes, "bytes", "Weights"),
      QUENCH_FIELD(file_bytes, "bytes", "File"),
      QUENCH_FIELD(compressed_file_bytes, "bytes", "File, compressed"),
      QUENCH_ACCURACY(top1, "Top-1"),
      QUENCH_ACCURACY(top1_low, "Top-1, 95 % low"),
      QUENCH_ACCURACY(top1_high, "Top-1, 95 % high"),
      QUENCH_ACCURACY(top5, "Top-5"),
      QUENCH_ACCURACY(map_50, "mAP@0.5"),
      QUENCH_ACCURACY(map_75, "mAP@0.75"),
      QUENCH_ACCURACY(map_95, "mAP@0.95"),
      QUENCH_ACCURACY(map_50_95, "mAP@[.5:.95]"),
      QUENCH_ACCURACY(map_50_95_low, "mAP@[.5:.95], 95 % low"),
      QUENCH_ACCURACY(map_50_95_high, "mAP@[.5:.95], 95 % high"),
      QUENCH_ACCURACY(map_small, "mAP small"),
      QUENCH_ACCURACY(map_medium, "mAP medium"),
      QUENCH_ACCURACY(map_large, "mAP large"),
      QUENCH_ACCURACY(ar_1, "AR@1"),
      QUENCH_ACCURACY(ar_10, "AR@10"),
      QUENCH_ACCURACY(ar_100, "AR@100"),
      QUENCH_FIELD(latency_p50_ns, "ns", "Latency p50"),
      QUENCH_FIELD(latency_p90_ns, "ns", "Latency p90"),
      QUENCH_FIELD(latency_p99_ns, "ns", "Latency p99"),
      QUENCH_FIELD(latency_samples, "", "Latency samples"),
      QUENCH_FIELD(energy_mj, "mJ", "Energy of an image"),
      QUENCH_FIELD(power_mean_mw, "mW", "Power, mean"),
      QUENCH_FIELD(power_max_mw, "mW", "Power, largest"),
      QUENCH_FIELD(power_source, "", "Power of"),
      QUENCH_FIELD(temperature_start_c, "C", "Temperature, start"),
      QUENCH_FIELD(temperature_end_c, "C", "Temperature, end"),
      QUENCH_FIELD(frequency_min_mhz, "MHz", "Frequency, least"),
      QUENCH_FIELD(frequency_mean_mhz, "MHz", "Frequency, mean"),
      QUENCH_FIELD(throttled, "", "Throttled"),
      QUENCH_FIELD(latency_low_ns, "ns", "Latency, 90 % low"),
      QUENCH_FIELD(latency_high_ns, "ns", "Latency, 90 % high"),
      QUENCH_FIELD(predicted_latency_ns, "ns", "Latency, predicted when pruned"),
      QUENCH_FIELD(latency_source, "", "Latency is"),
      QUENCH_FIELD(samples, "", "Test images"),
      QUENCH_FIELD(left_out, "", "Test images left out"),
      QUENCH_FIELD(left_out_first, "", "First left out"),
      QUENCH_FIELD(agreement, "fraction", "Agreement"),
      QUENCH_FIELD(float_layers, "", "Float layers"),
      QUENCH_FIELD(calibration_sha256, "", "Calibration SHA-256"),
      QUENCH_FIELD(chosen_on, "", "Chosen on"),
      QUENCH_FIELD(outcomes, "", "Outcomes"),
      QUENCH_FIELD(artifact, "", "Artifact"),
      {"timing_drift", &Record::timing_drift, "", "Drift while timing", false, {-1, 1000}},
      QUENCH_FIELD(stable, "", "Stable"),
      QUENCH_FIELD(timing_id, "", "Timed with"),
      QUENCH_FIELD(model_sha256, "", "Model SHA-256"),
      QUENCH_FIELD(parent_sha256, "", "Parent SHA-256"),
      QUENCH_FIELD(teacher_sha256, "", "Teacher SHA-256"),
      QUENCH_FIELD(quench_version, "", "quench version"),
      QUENCH_FIELD(host, "", "Host"),
      QUENCH_FIELD(time, "", "Time"),
      QUENCH_FIELD(config, "", "Configuration"),
  };
#undef QUENCH_FIELD
#undef QUENCH_ACCURACY
  return entries;
}

FieldType type_of(const Member& member) {
  struct Visitor {
    FieldType operator()(int64_t Record::*) const { return FieldType::integer; }
    FieldType operator()(std::optional<int64_t> Record::*) const { return FieldType::integer; }
    FieldType operator()(std::optional<double> Record::*) const { return FieldType::number; }
    FieldType operator()(std::optional<bool> Record::*) const { return FieldType::boolean; }
    FieldType operator()(std::string Record::*) const { return FieldType::text; }
    FieldType operator()(std::optional<std::string> Record::*) const { return FieldType::text; }
    FieldType operator()(Json Record::*) const { return FieldType::object; }
  };
  return std::visit(Visitor{}, member);
}

const char* expected(FieldType type) {
  switch (type) {
    case FieldType::text: return "a text";
    case FieldType::integer: return "an integer";
    case FieldType::number: return "a number";
    case FieldType::boolean: return "true or false";
    case FieldType::object: return "an object";
  }
  return "a value";
}

bool fits(const Json& value, FieldType type) {
  switch (type) {
    case FieldType::text: return value.is_string();
    case FieldType::integer:
      return value.is_number_integer() && (!value.is_number_unsigned() || value.get<uint64_t>() <= INT64_MAX);
    case FieldType::number: return value.is_number();
    case FieldType::boolean: return value.is_boolean();
    case FieldType::object: return value.is_object();
  }
  return false;
}

/// A value in a message.
std::string shown(const Json& value) {
  constexpr size_t kMost = 200;
  const std::string text = json_text(value);
  return text.size() > kMost ? text.substr(0, utf8_prefix(text.substr(0, kMost))) + "..." : text;
}

template <typename T>
struct OptionalOf : std::false_type {};
template <typename T>
struct OptionalOf<std::optional<T>> : std::true_type {
  using value_type = T;
};

}  // namespace

const std::vector<Field>& fields() {
  static const std::vector<Field> all = [] {
    std::vector<Field> out;
    for (const Entry& entry : table()) {
      out.push_back({entry.name, type_of(entry.member), entry.unit, entry.title, entry.is_accuracy, entry.range.low,
                     entry.range.high});
    }
    return out;
  }();
  return all;
}

void set_number(Record& record, std::string_view name, double value) {
  for (const Entry& entry : table()) {
    if (entry.name != name) continue;
    if (const auto* member = std::get_if<std::optional<double> Record::*>(&entry.member)) {
      record.*(*member) = value;
      return;
    }
  }
  fail(ErrorKind::internal, "[record] no number field '{}'", name);
}

void fill_missing(Record& record, const Record& from) {
  for (const Entry& entry : table()) {
    std::visit(
        [&](auto member) {
          using Value = std::remove_cvref_t<decltype(record.*member)>;
          if constexpr (OptionalOf<Value>::value) {
            if (!(record.*member)) record.*member = from.*member;
          }
        },
        entry.member);
  }
}

void copy_accuracies(Record& to, const Record& from) {
  for (const Entry& entry : table()) {
    if (!entry.is_accuracy) continue;
    std::visit([&](auto member) { to.*member = from.*member; }, entry.member);
  }
  to.samples = from.samples;
  to.left_out = from.left_out;
  to.left_out_first = from.left_out_first;
}

Json to_json(const Record& record) {
  Json out = Json::object();
  for (const Entry& entry : table()) {
    std::visit(
        [&](auto member) {
          const auto& value = record.*member;
          if constexpr (OptionalOf<std::remove_cvref_t<decltype(value)>>::value) {
            out[entry.name] = value ? Json(*value) : Json();
          } else {
            out[entry.name] = value;
          }
        },
        entry.member);
  }
  return out;
}

Record from_json(const Json& json, std::string_view where, std::vector<std::string>* strange) {
  if (!json.is_object())
    fail(ErrorKind::data, "[record] {}: expected a record (a JSON object), got {}", where, json.type_name());
  const auto schema = json.find("schema");
  if (schema == json.end() || !schema->is_number_integer() || *schema != kSchema) {
    fail(ErrorKind::data, "[record] {}: expected schema {}, got {}", where, kSchema,
         schema == json.end() ? "none" : shown(*schema));
  }
  Record record;
  for (const Entry& entry : table()) {
    const auto found = json.find(entry.name);
    if (found == json.end() || found->is_null()) continue;
    const FieldType type = type_of(entry.member);
    if (!fits(*found, type)) {
      fail(ErrorKind::data, "[record] {}: expected {} for '{}', got {}", where, expected(type), entry.name,
           shown(*found));
    }
    if (entry.unit == std::string_view("fraction") && !(*found >= 0 && *found <= 1)) {
      fail(ErrorKind::data, "[record] {}: expected a fraction in [0,1] for '{}', got {}", where, entry.name,
           shown(*found));
    }
    if (found->is_number() && !(*found >= entry.range.low && *found <= entry.range.high)) {
      const std::string problem =
          fmt::format("expected {:g} to {:g}{}{} for '{}', got {}", entry.range.low, entry.range.high,
                      *entry.unit ? " " : "", entry.unit, entry.name, shown(*found));
      if (!strange) fail(ErrorKind::data, "[record] {}: {}", where, problem);
      strange->push_back(problem);
      continue;
    }
    std::visit(
        [&](auto member) {
          using Value = std::remove_cvref_t<decltype(record.*member)>;
          if constexpr (OptionalOf<Value>::value) {
            record.*member = found->template get<typename OptionalOf<Value>::value_type>();
          } else {
            record.*member = found->template get<Value>();
          }
        },
        entry.member);
  }
  constexpr std::array kStatuses{"ok", "invalid", "unsupported", "failed", "skipped"};
  if (std::ranges::find(kStatuses, record.status) == kStatuses.end()) {
    fail(ErrorKind::data, "[record] {}: expected status ok, invalid, unsupported, failed or skipped, got '{}'", where,
         record.status);
  }
  if (record.latency_source == "predicted") record.latency_source = "forecast";  // the word of older records
  if (record.latency_source && record.latency_source != "measured" && record.latency_source != "forecast") {
    fail(ErrorKind::data, "[record] {}: expected latency_source measured or forecast, got '{}'", where,
         *record.latency_source);
  }
  return record;
}

}  // namespace quench::record
