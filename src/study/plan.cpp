#include "study/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "config/tables.h"
#include "core/error.h"
#include "core/hash.h"
#include "methods/step_list.h"
#include "study/file_name.h"

namespace quench::study {
namespace {

std::string cell_id(const Cell& cell) {
  const std::string device = cell.device.remote() ? "@" + cell.device.name : "";
  return fmt::format("{}/{}{}/t{}/s{}", artifact_name(cell), cell.runtime, device, cell.threads, cell.seed);
}

std::string data_read(methods::Needs needs, const InputDigests& digests) {
  switch (needs) {
    case methods::Needs::nothing: return "";
    case methods::Needs::calibration_images: return digests.train;
    case methods::Needs::training_images: return digests.train + "+" + digests.test;
  }
  return "";
}

/// The training and the method's chain, with keys. chain: the method's effective steps, whatever the seed.
std::vector<PlannedStep> steps_of(const Cell& cell, const std::vector<methods::ChainStep>& chain,
                                  const StudyFile& study, const InputDigests& digests) {
  std::vector<PlannedStep> steps;
  Json train = cell.model.train;
  train["seed"] = cell.seed;
  std::string key = job_key({{"model", cell.model.model}, {"weights", digests.weights(cell.model.model)}});
  const auto add = [&](const std::string& step, const Json& settings) {
    const methods::StepInfo& info = study.steps.require(step, "[study.plan]");
    Json inputs{
        {"before", key}, {"step", step}, {"settings", settings}, {"data", data_read(info.reads(settings), digests)}};
    const std::string teacher = settings.value("teacher", config::kOriginalTeacher);
    if (teacher != config::kOriginalTeacher) inputs["teacher"] = digests.teacher(teacher);  // else `before` says it
    if (settings.contains("reference")) inputs["reference"] = digests.teacher(settings["reference"]);
    if (settings.contains("sensitivity")) inputs["sensitivity"] = digests.teacher(settings["sensitivity"]);
    if (settings.contains("target_latency") || settings.value("minimize", "") == "latency")
      inputs["latency"] = digests.latency(settings);
    key = job_key(inputs);
    steps.push_back({key, step, settings});
  };
  add("train", train);
  for (methods::ChainStep step : chain) {
    if (step.settings.contains("seed")) step.settings["seed"] = cell.seed;
    if (step.settings.contains("calibration_seed")) {  // so that seeds tell what the choice of images does, too
      step.settings["calibration_seed"] = step.settings["calibration_seed"].get<int64_t>() + cell.seed;
    }
    add(step.step, step.settings);
  }
  return steps;
}

/// With id and configuration. data: portable_data() of the study's.
Cell make_cell(const StudyFile& study, const Json& data, Cell cell, const InputDigests& digests) {
  cell.id = cell_id(cell);
  Json steps = Json::array();
  for (const PlannedStep& step : cell.steps) steps.push_back({{step.step, step.settings}});
  cell.config = {{"data", data},
                 {"model", cell.model.model},
                 {"method", cell.method.method},
                 {"steps", steps},
                 {"runtime", cell.runtime},
                 {"threads", cell.threads},
                 {"detect", study.detect},
                 {"bench", study.bench},
                 {"artifact_key", cell.model_key()},
                 {"test_digest", digests.test}};
  if (cell.device.remote()) cell.config["device"] = cell.device.name;
  return cell;
}

}  // namespace

Json portable_data(const Json& data) {
  Json out = data;
  out.erase("data_root");
  return out;
}

std::vector<Cell> expand(const StudyFile& study, const InputDigests& digests) {
  std::vector<Cell> cells;
  std::map<std::string, size_t> ids;
  std::map<std::string, std::string> model_of;  // by path of the artifact
  const Json data = portable_data(study.data);
  for (const ModelEntry& model : study.models) {
    std::vector<std::optional<std::vector<methods::ChainStep>>> chains(study.methods.size());  // made by the first seed
    for (int64_t seed : model.seeds) {
      for (size_t i = 0; i < study.methods.size(); ++i) {
        const methods::Method& method = study.methods[i];
        if (!model.takes(method)) continue;
        if (!chains[i]) {
          chains[i] = methods::effective_steps(method, study.steps, {study.task}, model.train, study.name + ".methods");
        }
        const std::vector<PlannedStep> steps =
            steps_of({"", model, method, seed, "", 1, {}, {}, {}}, *chains[i], study, digests);
        for (const std::string& runtime : study.runtimes) {
          for (const DeviceEntry& device : study.devices) {
            for (int64_t threads : study.threads) {
              cells.push_back(
                  make_cell(study, data, {"", model, method, seed, runtime, threads, device, steps, {}}, digests));
              if (!ids.try_emplace(cells.back().id, cells.size()).second) {
                fail(ErrorKind::config, "[study.plan] expected every row once, got two called {}", cells.back().id);
              }
              const auto [found, is_new] = model_of.try_emplace(artifact_path(cells.back()), cells.back().model_key());
              if (!is_new && found->second != cells.back().model_key()) {
                fail(ErrorKind::config, "[study.plan] two models would be written to {}: give a method another name",
                     found->first);
              }
            }
          }
        }
      }
    }
  }
  return cells;
}

std::optional<size_t> unquantized_step(const Cell& cell, size_t step) {
  for (size_t i = step; i-- > 1;) {
    if (methods::quantizes(cell.steps[i].step)) return i - 1;
  }
  return std::nullopt;
}

std::string artifact_name(const Cell& cell) {
  const std::string name = cell.model.label + "/" + cell.method.method;
  return cell.method.setting.empty() ? name : name + "/" + cell.method.setting;
}

std::string artifact_path(const Cell& cell) {
  std::string name = cell.method.method;
  if (!cell.method.setting.empty()) name += "-" + cell.method.setting;
  constexpr size_t kLongest = 120;
  if (name.size() > kLongest) name = name.substr(0, kLongest) + "-" + cell.model_key().substr(0, 8);
  return fmt::format("artifacts/{}/{}-s{}.onnx", file_name(cell.model.label), file_name(name), cell.seed);
}

std::string job_key(const Json& inputs) { return sha256_hex(canonical_text(inputs)); }

}  // namespace quench::study
