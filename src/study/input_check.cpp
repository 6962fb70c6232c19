#include "study/input_check.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "data/sets/class_match.h"
#include "data/sets/find.h"
#include "models/spec.h"
#include "models/task.h"
#include "sources/sources.h"
#include "weights/model_file.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

bool is_done(const Cell& cell, const Records& known) {
  const auto found = known.find(cell.id);
  return found != known.end() && found->second.status == "ok";
}

/// Names of models with as many classes that detect or classify, for an error.
std::string others_of(const std::string& task) {
  for (const std::string& name : models::names()) {
    if (models::spec(name).task == task) return fmt::format("such as {}", name);
  }
  return "of another task";
}

}  // namespace

void check_files(const StudyFile& study, const std::vector<Cell>& cells, const Records& known,
                 const fs::path& data_root) {
  const fs::path root = data::root_of(study.data, data_root);
  for (const Cell& cell : cells) {
    if (is_done(cell, known)) continue;
    for (const PlannedStep& step : cell.steps) {
      for (const char* setting : {"reference", "sensitivity"}) {
        const Json name = step.settings.value(setting, Json());
        if (!name.is_string() || fs::exists(data::find_file(name.get<std::string>(), root))) continue;
        fail(ErrorKind::config, "{}.methods, {} of {}: {}: there is no file {} (looked for here and below {}){}",
             study.name, step.step, cell.model.label, setting, name.get<std::string>(), root.string(),
             sources::how_to_get(name.get<std::string>(), root));
      }
    }
  }
  for (const DeviceEntry& device : study.devices) {
    for (const auto& [key, file] : {std::pair{"agent", device.agent}, std::pair{"ssh_config", device.ssh_config}}) {
      if (file.empty() || fs::exists(file)) continue;
      fail(ErrorKind::config, "{}.devices, {}: {}: there is no file {}", study.name, device.name, key, file);
    }
  }
}

void check_classes(const StudyFile& study, const std::vector<Cell>& cells, const Records& known,
                   const std::string& task, const std::vector<std::string>& classes, const fs::path& data_root) {
  if (classes.empty()) return;
  const fs::path root = data::root_of(study.data, data_root);
  std::set<std::string> checked;
  for (const Cell& cell : cells) {
    if (is_done(cell, known)) continue;
    if (task != study.task) {
      fail(ErrorKind::config, "{}: expected data for models that {}, got {}, which are for models that {} ({})",
           study.name, study.task, study.data["data"].get<std::string>(), task, others_of(task));
    }
    const Json& pretrained = cell.model.model["pretrained"];
    if (!pretrained.is_string() || cell.model.train.value("epochs", int64_t{1}) != 0) continue;
    if (!checked.insert(cell.model.label).second) continue;
    const fs::path file = data::find_file(pretrained.get<std::string>(), root);
    const graph::Graph given = weights::read_model_file(file, {}, {}).graph;
    if (const std::string other = models::task_of(given); other != study.task) {
      fail(ErrorKind::config,
           "{}.models, {}: the weights of {} are taken as they are (epochs: 0), but are of a model for task {}, not "
           "{}: a new "
           "head has to be trained",
           study.name, cell.model.label, pretrained.get<std::string>(), other, study.task);
    }
    const std::vector<std::string> has = models::class_names(given);
    const data::ClassMatch match = data::match_classes(has, classes);
    if (has.empty() || match.by_number) continue;
    const auto missing = std::ranges::find(match.to_model, data::ClassMatch::kNone);
    if (missing == match.to_model.end()) continue;
    fail(ErrorKind::config,
         "{}.models, {}: the weights of {} are taken as they are (epochs: 0), and have no class '{}' of the data: they "
         "have to be trained for it, or the data named as the model's classes are (`names` of data.yaml, classes.txt)",
         study.name, cell.model.label, pretrained.get<std::string>(),
         classes[static_cast<size_t>(missing - match.to_model.begin())]);
  }
}

}  // namespace quench::study
