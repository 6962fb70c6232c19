#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "core/cancel.h"
#include "core/error.h"
#include "core/log.h"
#include "data/sets/dataset.h"
#include "inference/evaluate.h"
#include "latency_table/source.h"
#include "runtime/registry.h"
#include "steps/step.h"
#include "study/plan.h"

namespace quench::study {

/// Where a study's work lies, and the work itself: models, evaluations and packs under
/// `<stages>/<kind>-<first 12 digits of the key>/`, so that cells and studies share what has one key. A result is
/// published by rename when whole; work that was killed goes on from its checkpoint or starts over. A file that a disk
/// changed or cut is made again, with a warning, where it is used.
class Stages {
 public:
  struct Place {
    std::filesystem::path stages;
    std::filesystem::path results;  ///< of the study: artifacts/ under readable names
    std::filesystem::path data_root;
    latency_table::Surroundings latency = {};  ///< for steps whose target is a latency
    int threads = 1;                           ///< of evaluations
  };
  /// All references must outlive this.
  Stages(const StudyFile& study, Place place, const runtime::Registry& runtimes, const steps::Registry& steps,
         const LogSink& log, const CancelToken& cancel);

  /// Whether the model of the cell's step is there, of the length that it had.
  bool has(const PlannedStep& step) const;
  /// Makes it from the model of the step before (the training: from the model's start).
  void make(const Cell& cell, size_t step);
  /// The cell's artifact, which is there, and its readable name (artifact_path) that it has from now on. It is read
  /// once for all who have it in hand at a time.
  std::shared_ptr<const graph::ModelFile> artifact(const Cell& cell);

  /// Makes the copy of readable name again from its stage, which must have this SHA-256. False where it has not.
  bool restore_artifact(const Cell& cell, const std::string& sha256);

  /// Key of the evaluation of a cell's artifact on the test split through a runtime.
  std::string evaluation_key(const Cell& cell, const std::string& runtime) const;
  /// of_images: with what each image adds to the scores, which evaluations of earlier versions lack.
  bool has_evaluation(const std::string& key, bool of_images);
  void evaluate(const Cell& cell, const std::string& runtime);
  /// One that is there and as it was written; some of the last are kept, so that a file is read once for the rows that
  /// need it. Throws Error{data} where its file is torn or of another model.
  std::shared_ptr<const score::Evaluation> evaluation(const std::string& key);

  /// The test split as a sample pack for models of the graph's input size (path); a damaged one is made again. Throws
  /// Error{unsupported} where that is no square.
  std::filesystem::path pack(const graph::Graph& graph);
  /// The test image that latencies are measured with: image 0 of the test split, [1,3,H,W] uint8.
  Tensor sample_image(const graph::Graph& graph);
  const data::Splits& data();
  const std::filesystem::path& data_root() const { return place_.data_root; }
  /// Where a model's time goes on a device, for steps.
  prune::LatencyOf latency() const { return latency_table::latency_of(place_.latency, log_, cancel_); }
  /// For what a trial writes and removes (study/trial.h).
  std::filesystem::path trial_folder() const { return place_.stages / "trial"; }

 private:
  std::filesystem::path folder_of(const std::string& kind, const std::string& key) const;
  std::filesystem::path model_file(const PlannedStep& step) const;
  /// The model that a cell's training starts from; no file of it is kept.
  graph::ModelFile start(const Cell& cell);
  /// The model of a cell's step, which was there; where it is damaged, made again.
  graph::ModelFile model(const Cell& cell, size_t step);
  std::filesystem::path evaluation_file(const std::string& key) const;

  const StudyFile& study_;
  Place place_;
  const runtime::Registry& runtimes_;
  const steps::Registry& steps_;
  const LogSink& log_;
  const CancelToken& cancel_;
  std::optional<data::Splits> data_;
  std::optional<Error> no_data_;                                            ///< why there are none: not asked again
  std::map<std::string, std::weak_ptr<const graph::ModelFile>> artifacts_;  ///< by key: those in somebody's hand
  std::shared_ptr<const graph::ModelFile> last_artifact_;                   ///< the next job is often of the same
  std::map<std::string, std::shared_ptr<const score::Evaluation>> evaluations_;  ///< by key
  std::set<std::string> whole_packs_;  ///< keys of those that were read to the end, or written, now
  std::set<std::string> told_;         ///< keys of evaluations that were warned of
};

/// Opens data as `config::data_options` values say, limits applied. Warns of wrong labels, and where training and test
/// images are the same. may_make_root, cancel: as data::open().
data::Splits open_data(const Json& options, const std::filesystem::path& data_root, const LogSink& log,
                       bool may_make_root = true, const CancelToken* cancel = nullptr);

}  // namespace quench::study
