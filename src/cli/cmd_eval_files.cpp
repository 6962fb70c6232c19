#include <algorithm>
#include <iostream>

#include "cli/base_commands.h"
#include "cli/commands.h"
#include "cli/lab.h"
#include "cli/print.h"
#include "cli/remote.h"
#include "core/error.h"
#include "core/json_text.h"
#include "metrics/coco_json.h"

namespace quench::cli {
namespace {

using metrics::CocoResult;

/// Settings that go with --detections.
bool of_files(const std::string& key) {
  return key == "detections" || key == "annotations" || key == "per_class" || key == "format";
}

std::string flag_of(std::string key) {
  std::ranges::replace(key, '_', '-');
  return "--" + key;
}

Json json_number(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }
std::string text_number(const std::optional<double>& value) { return value ? fmt::format("{:.4f}", *value) : "-"; }

Json to_json(const CocoResult& result, bool per_class) {
  Json json;
  for (const auto& [name, value] : metrics::figures(result)) json[name] = json_number(value);
  json["images"] = result.images;
  json["truths"] = result.truths;
  json["crowds"] = result.crowds;
  json["detections"] = result.detections;
  json["invalid"] = result.invalid;
  json["unknown"] = result.unknown;
  if (!per_class) return json;
  json["classes"] = Json::array();
  for (const metrics::CocoClass& row : result.classes) {
    json["classes"].push_back({{"category_id", row.category_id},
                               {"name", row.name},
                               {"ap", json_number(row.ap)},
                               {"ap50", json_number(row.ap50)},
                               {"truths", row.truths},
                               {"detections", row.detections}});
  }
  return json;
}

std::string to_table(const CocoResult& result, bool per_class) {
  std::vector<std::vector<std::string>> rows{{"metric", "value"}};
  for (const auto& [name, value] : metrics::figures(result)) rows.push_back({name, text_number(value)});
  rows.push_back({"images", grouped(result.images)});
  rows.push_back({"truths", grouped(result.truths)});
  rows.push_back({"detections", grouped(result.detections)});
  std::string out = text_table(rows);
  if (!per_class) return out;
  rows = {{"id", "class", "ap", "ap50", "truths", "detections"}};
  for (const metrics::CocoClass& row : result.classes) {
    if (row.truths == 0 && row.detections == 0) continue;
    rows.push_back({std::to_string(row.category_id), row.name, text_number(row.ap), text_number(row.ap50),
                    grouped(row.truths), grouped(row.detections)});
  }
  return out + "\n" + text_table(rows);
}

int run_files(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = program::settings(command("eval"), Json::object(), invocation);
  if (!invocation.inputs.empty()) {
    fail(ErrorKind::config, "eval: expected a MODEL or --detections, got both ('{}')", invocation.inputs.front());
  }
  for (const auto& item : invocation.flags.items()) {
    if (!of_files(item.key())) {
      fail(ErrorKind::config, "eval: {} goes with a MODEL, not with --detections", flag_of(item.key()));
    }
  }
  if (options["annotations"].is_null()) {
    fail(ErrorKind::config, "eval: expected --annotations FILE with --detections, got none");
  }
  const std::string format = options["format"];
  if (format != "table" && format != "json") {
    fail(ErrorKind::config, "eval: expected --format table or json with --detections, got {}", format);
  }

  const std::string detections = options["detections"], annotations = options["annotations"];
  const CocoResult result =
      metrics::evaluate(metrics::read_coco_instances(annotations), metrics::read_coco_detections(detections));
  if (result.unknown > 0) {
    environment.log.warning(fmt::format("{} of {} detections are of categories that {} does not have: left out",
                                        grouped(result.unknown),
                                        grouped(result.unknown + result.detections + result.invalid), annotations));
  }
  if (result.invalid > 0) {
    environment.log.warning(
        fmt::format("{} detections have a score or box that is no number: dropped", grouped(result.invalid)));
  }
  const bool per_class = options["per_class"];
  std::cout << (format == "json" ? json_text(to_json(result, per_class), 2) + "\n" : to_table(result, per_class));
  return program::kOk;
}

}  // namespace

int run_eval_base(const program::Invocation& invocation, const program::Environment& environment) {
  if (invocation.flags.contains("detections")) return run_files(invocation, environment);
  const Json settings = program::settings(command("eval"), Json::object(), invocation);
  if (is_remote(settings) && settings.value("world_size", 1) > 1) {
    fail(ErrorKind::config, "eval: expected --world-size 1 on a device, got {}", settings["world_size"].get<int>());
  }
  if (is_remote(settings)) return run_eval_remote(invocation, environment);
  for (const char* key : {"annotations", "per_class"}) {
    if (invocation.flags.contains(key)) {
      fail(ErrorKind::config, "eval: {} goes with --detections, got none", flag_of(key));
    }
  }
  if (invocation.inputs.empty()) {
    fail(ErrorKind::config, "eval: expected a MODEL, or --detections and --annotations, got neither");
  }
  return run_in_library(invocation, environment);
}

}  // namespace quench::cli
