#include "study/plan.h"

#include <fmt/format.h>

#include "core/hash.h"

namespace quench::study {
namespace {

std::string cell_id(const Cell& cell) {
  return fmt::format("{}/{}/t{}/s{}", artifact_name(cell), cell.runtime, cell.threads, cell.seed);
}

Json portable_data(const Json& data) {
  Json out = data;
  out.erase("data_root");
  return out;
}

}  // namespace

std::vector<Cell> expand(const StudyFile& study) {
  std::vector<Cell> cells;
  for (const ModelEntry& model : study.models) {
    for (int64_t seed : study.seeds) {
      for (const MethodEntry& method : study.methods) {
        for (const std::string& runtime : study.runtimes) {
          for (int64_t threads : study.threads) {
            Cell cell{"", model, method, seed, runtime, threads, {}};
            cell.model.train["seed"] = seed;
            if (!cell.method.qat.is_null()) cell.method.qat["seed"] = seed;
            cell.id = cell_id(cell);
            cell.config = {{"data", portable_data(study.data)},
                           {"model", cell.model.model},
                           {"train", cell.model.train},
                           {"method", method.method},
                           {"quantize", method.quantize},
                           {"qat", cell.method.qat},
                           {"runtime", runtime},
                           {"threads", threads},
                           {"detect", study.detect},
                           {"bench", study.bench}};
            cells.push_back(std::move(cell));
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
