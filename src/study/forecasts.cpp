#include "study/forecasts.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "core/error.h"
#include "methods/step_list.h"
#include "platform/measured.h"

namespace quench::study {
namespace {

using devices::Precision;

/// A float model, pruned as it may be, runs in floats, and a quantized one in integers.
bool is_artifact_of(const ForecastEntry& entry, const Cell& cell) {
  const bool quantized =
      std::ranges::any_of(cell.steps, [](const PlannedStep& step) { return methods::quantizes(step.step); });
  return quantized == (entry.deployment.precision == Precision::int8);
}

std::string id_of(const Cell& cell, const ForecastEntry& entry) {
  const devices::Deployment& how = entry.deployment;
  std::string id = fmt::format("{}/{}/{}/{}/{}", artifact_name(cell), entry.device, devices::to_string(how.engine),
                               how.runtime, devices::to_string(how.precision));
  if (!how.mode.empty()) id += "/" + how.mode;
  if (how.threads > 0) id += fmt::format("/t{}", how.threads);
  return fmt::format("{}/s{}", id, cell.seed);
}

/// Cells with one artifact: same model, seed and method.
using Artifact = std::vector<const Cell*>;

std::vector<Artifact> artifacts_of(const std::vector<Cell>& cells) {
  std::vector<Artifact> artifacts;
  std::map<std::string, size_t> place;
  for (const Cell& cell : cells) {
    const std::string key = fmt::format("{}/s{}", artifact_name(cell), cell.seed) + cell.model_key();
    const auto [found, is_new] = place.try_emplace(key, artifacts.size());
    if (is_new) artifacts.emplace_back();
    artifacts[found->second].push_back(&cell);
  }
  return artifacts;
}

/// The record of a cell that has a result, of the named runtime where there is one; nullptr where there is none.
const record::Record* measured(const Artifact& artifact, const std::map<std::string, record::Record>& known,
                               const std::string& runtime) {
  const record::Record* best = nullptr;
  for (const Cell* cell : artifact) {
    const auto found = known.find(cell->id);
    if (found == known.end() || found->second.status != "ok") continue;
    if (!best || (cell->runtime == runtime && best->runtime != runtime)) best = &found->second;
  }
  return best;
}

/// Whether a cell of the artifact ran on the device as forecast: there is nothing to forecast then.
bool ran_there(const Artifact& artifact, const std::map<std::string, record::Record>& known, const ForecastEntry& entry,
               const record::Record& forecast) {
  const devices::Deployment& how = entry.deployment;
  return how.mode.empty() && std::ranges::any_of(artifact, [&](const Cell* cell) {
           const auto found = known.find(cell->id);
           return cell->device.remote() && cell->device.name == entry.device && cell->runtime == how.runtime &&
                  (how.engine == devices::Engine::gpu || cell->threads == forecast.threads) && found != known.end() &&
                  found->second.status == "ok";
         });
}

record::Record start(const StudyFile& study, const Cell& cell, const ForecastEntry& entry) {
  record::Record record;
  record.study = study.name;
  record.cell = id_of(cell, entry);
  record.model = cell.model.model["model"];
  record.entry = cell.model.label;
  record.task = study.task;
  record.method = cell.method.method;
  if (!cell.method.setting.empty()) record.setting = cell.method.setting;
  record.seed = cell.seed;
  record.device = entry.device;
  record.runtime = entry.deployment.runtime;
  record.data = study.data["data"];
  return record;
}

std::string why_not(const Artifact& artifact, const std::map<std::string, record::Record>& known) {
  for (const Cell* cell : artifact) {
    if (const auto found = known.find(cell->id); found != known.end() && found->second.reason) {
      return *found->second.reason;
    }
  }
  return "it was not run";
}

}  // namespace

void require_devices(const StudyFile& study, const devices::Catalog& catalog) {
  for (const ForecastEntry& entry : study.forecast) {
    devices::require_known(catalog.fit, catalog.require(entry.device), entry.deployment);
  }
}

devices::Catalog catalog_of(const StudyFile& study, const std::vector<std::filesystem::path>& device_folders) {
  if (study.forecast.empty()) return {};
  devices::Catalog catalog = devices::load_catalog(device_folders);
  require_devices(study, catalog);
  return catalog;
}

std::vector<record::Record> forecast_records(const StudyFile& study, const std::vector<Cell>& cells,
                                             const std::map<std::string, record::Record>& known,
                                             const devices::Catalog& catalog,
                                             const std::function<graph::ModelFile(const Cell&)>& open) {
  std::vector<record::Record> records;
  for (const Artifact& artifact : artifacts_of(cells)) {
    const Cell& cell = *artifact.front();
    std::optional<graph::ModelFile> model;
    std::optional<devices::ModelWork> work;
    for (const ForecastEntry& entry : study.forecast) {
      if (!is_artifact_of(entry, cell)) continue;
      record::Record record = start(study, cell, entry);
      const record::Record* source = measured(artifact, known, entry.deployment.runtime);
      if (source) {
        if (!model) {
          model = open(cell);
          work = devices::work_of(model->graph);
        }
        platform::set_model(record, *model);
        record.method = cell.method.method;
        devices::set_forecast(record, catalog.fit, catalog.require(entry.device), entry.deployment, *work);
        if (ran_there(artifact, known, entry, record)) continue;
        if (record.status == "ok") {  // else what the device cannot run would seem to have an accuracy there
          record::copy_accuracies(record, *source);
          record.config["accuracy_from"] = *source->cell;
        }
      } else {
        record.status = "skipped";
        record.reason = "no model to forecast for: " + why_not(artifact, known);
      }
      records.push_back(std::move(record));
    }
  }
  return records;
}

bool same_finding(const record::Record& a, const record::Record& b) {
  const auto finding = [](const record::Record& record) {
    Json json = record::to_json(record);
    for (const char* key : {"time", "quench_version", "host"}) json.erase(key);
    return json;
  };
  return finding(a) == finding(b);
}

}  // namespace quench::study
