#include "report/method_groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "report/optional_values.h"

namespace quench::report {

using record::Record;

std::vector<MethodGroup> method_groups(const std::vector<Record>& rows, Metric metric) {
  std::vector<MethodGroup> groups;
  std::map<std::string, size_t> place_of;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Record& row = rows[i];
    if (!is_ok(row) || is_forecast(row) || !accuracy_of(row, metric)) continue;
    const std::string key =
        fmt::format("{}|{}|{}|{}", label(row), text_of(row.imgsz), text_of(row.data), text_of(row.device));
    const auto [found, is_new] = place_of.try_emplace(key, groups.size());
    if (is_new) groups.push_back({label(row), {}});
    std::vector<size_t>& members = groups[found->second].rows;
    const bool known = std::ranges::any_of(members, [&](size_t other) { return rows[other].seed == row.seed; });
    if (!known) members.push_back(i);
  }
  for (MethodGroup& group : groups) {
    std::ranges::stable_sort(group.rows, {}, [&](size_t i) { return rows[i].seed.value_or(-1); });
  }
  return groups;
}

MethodKind kind_of(const Record& record) {
  MethodKind kind;
  kind.sparse = record.sparse.has_value();
  const auto steps = record.config.is_object() ? record.config.find("steps") : record.config.end();
  if (steps == record.config.end() || !steps->is_array()) {
    kind.quantized = record.method == "ptq" || record.method == "qat";
    kind.fine_tuned = record.method == "qat";
    return kind;
  }
  for (const Json& step : *steps) {
    const std::string name = step.is_object() && step.size() == 1 ? step.begin().key() : std::string();
    if (name == "prune") kind.pruned = true;
    if (name == "quantize" || name == "assign_bits") kind.quantized = true;
    if (name == "finetune" && kind.quantized) kind.fine_tuned = true;
  }
  return kind;
}

std::string family_of(const Record& record) {
  if (record.method == "fp32") return "float32";
  const MethodKind kind = kind_of(record);
  std::string text = kind.pruned && kind.sparse ? "pruned + sparse"
                     : kind.pruned              ? "pruned"
                     : kind.sparse              ? "sparse"
                                                : "";
  if (kind.quantized || record.bits_w.value_or(32) < 32) {
    text += text.empty() ? "" : " + ";
    text += kind.fine_tuned ? "QAT" : "PTQ";
    if (record.bits_w_mean.value_or(static_cast<double>(record.bits_w.value_or(8))) < 8) text += " below 8 bits";
  }
  return text.empty() ? "trained further" : text;
}

Pruning pruning_of(const Record& record) {
  Pruning found;
  const auto steps = record.config.is_object() ? record.config.find("steps") : record.config.end();
  if (steps == record.config.end() || !steps->is_array()) return found;
  Json rest = *steps;
  for (Json& step : rest) {
    if (!step.is_object() || !step.contains("prune") || !step["prune"].is_object()) continue;
    Json& settings = step["prune"];
    const std::string criterion = settings.value("criterion", "");
    if (!found.criterion.empty() && found.criterion != criterion) return {};
    found.criterion = criterion;
    for (const char* own : {"criterion", "seed", "calibration_images", "calibration_seed", "calibration_batch"}) {
      settings.erase(own);
    }
  }
  // Trainings are told apart by their seed, which is the row's.
  for (Json& step : rest) {
    for (auto& [name, settings] : step.items()) {
      if (settings.is_object()) settings.erase("seed");
    }
  }
  found.all_else = rest.dump();
  return found;
}

}  // namespace quench::report
