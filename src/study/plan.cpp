#include "study/plan.h"

#include <fmt/format.h>

#include "core/hash.h"

namespace quench::study {
namespace {

std::string cell_id(const Cell& cell) {
  const std::string device = cell.device.remote() ? "@" + cell.device.name : "";
  return fmt::format("{}/{}{}/t{}/s{}", artifact_name(cell), cell.runtime, device, cell.threads, cell.seed);
}

/// With seed, id and configuration.
Cell make_cell(const StudyFile& study, Cell cell) {
  cell.model.train["seed"] = cell.seed;
  if (!cell.method.qat.is_null()) cell.method.qat["seed"] = cell.seed;
  cell.id = cell_id(cell);
  cell.config = {{"data", portable_data(study.data)},
                 {"model", cell.model.model},
                 {"train", cell.model.train},
                 {"method", cell.method.method},
                 {"quantize", cell.method.quantize},
                 {"qat", cell.method.qat},
                 {"runtime", cell.runtime},
                 {"threads", cell.threads},
                 {"detect", study.detect},
                 {"bench", study.bench}};
  if (cell.device.remote()) cell.config["device"] = cell.device.name;  // records of this machine's cells stay valid
  return cell;
}

}  // namespace

Json portable_data(const Json& data) {
  Json out = data;
  out.erase("data_root");
  return out;
}

std::vector<Cell> expand(const StudyFile& study) {
  std::vector<Cell> cells;
  for (const ModelEntry& model : study.models) {
    for (int64_t seed : study.seeds) {
      for (const MethodEntry& method : study.methods) {
        for (const std::string& runtime : study.runtimes) {
          for (const DeviceEntry& device : study.devices) {
            for (int64_t threads : study.threads) {
              cells.push_back(make_cell(study, {"", model, method, seed, runtime, threads, device, {}}));
            }
          }
        }
      }
    }
  }
  return cells;
}

std::string artifact_name(const Cell& cell) {
  std::string name = cell.model.model["model"];
  if (const int64_t imgsz = cell.model.model["imgsz"]; imgsz > 0) name += fmt::format("@{}", imgsz);
  name += "/" + cell.method.method;
  return cell.method.setting.empty() ? name : name + "/" + cell.method.setting;
}

std::string stage_hash(const Json& inputs) { return sha256_hex(canonical_text(inputs)).substr(0, 12); }

Json train_inputs(const StudyFile& study, const Cell& cell) {
  return {{"data", portable_data(study.data)}, {"model", cell.model.model}, {"train", cell.model.train}};
}

Json quantize_inputs(const StudyFile& study, const Cell& cell) {
  return {{"train", train_inputs(study, cell)},
          {"method", cell.method.method},
          {"quantize", cell.method.quantize},
          {"qat", cell.method.qat}};
}

}  // namespace quench::study
