#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "core/cancel.h"
#include "core/error.h"
#include "core/log.h"
#include "data/sets/dataset.h"
#include "inference/evaluate.h"
#include "runtime/registry.h"
#include "study/plan.h"

namespace quench::study {

/// Does the work of cells and keeps each result under `<folder>/<kind>-<hash>/`, so that cells share it and a
/// later run finds it. A stage's result is published by rename when whole; a killed stage resumes or starts over.
class Stages {
 public:
  Stages(const StudyFile& study, std::filesystem::path folder, std::filesystem::path data_root,
         const runtime::Registry& registry, const LogSink& log, const CancelToken& cancel);

  /// Trained float model of a cell (ONNX path). Trains at first use.
  std::filesystem::path trained(const Cell& cell);
  /// The cell's artifact (ONNX path): the trained model itself for fp32, else compressed from it.
  std::filesystem::path artifact(const Cell& cell);
  /// Scores of an artifact on the test split through a runtime, kept by the model's sha256.
  inference::Evaluation evaluation(const graph::ModelFile& model, const std::string& runtime);
  /// The test split as a sample pack for models of the graph's input size (path). Throws Error{unsupported} where that
  /// is no square.
  std::filesystem::path pack(const graph::Graph& graph);
  /// The test image that latencies are measured with: image 0 of the test split, [1,3,H,W] uint8.
  Tensor sample_image(const graph::Graph& graph);
  const data::Splits& data();

 private:
  /// train_inputs, and what the file of initial weights holds.
  Json training(const Cell& cell) const;
  std::filesystem::path stage_folder(const std::string& kind, const Json& inputs) const;
  /// The model file of a stage folder, made by `make` where it is not there yet.
  template <typename Make>
  std::filesystem::path model_of(const std::filesystem::path& stage, const Json& inputs, const Make& make);

  const StudyFile& study_;
  std::filesystem::path folder_;
  std::filesystem::path data_root_;
  const runtime::Registry& registry_;
  const LogSink& log_;
  const CancelToken& cancel_;
  std::optional<data::Splits> data_;
  std::map<std::string, Error>
      failures_;  ///< by stage folder: what failed once in a run is not tried again for the next cell
};

/// Opens data as `config::data_options` values say, limits applied. Warns of wrong labels, and where training and test
/// images are the same.
data::Splits open_data(const Json& options, const std::filesystem::path& data_root, const LogSink& log);

/// The directory option of data settings, or `fallback`.
std::filesystem::path data_root_of(const Json& options, const std::filesystem::path& fallback);

}  // namespace quench::study
