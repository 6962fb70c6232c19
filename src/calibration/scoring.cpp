#include "calibration/scoring.h"

#include <torch/types.h>

#include <cmath>
#include <memory>

#include "bits/changed_run.h"
#include "bits/effect_sums.h"
#include "core/clock.h"
#include "core/error.h"
#include "data/loading/evaluation_images.h"
#include "data/loading/loader.h"
#include "graph/image_side.h"
#include "quant/float_twin.h"
#include "quant/image_batches.h"
#include "quant/placement_settings.h"
#include "quant/prepared_with.h"
#include "score/scorer.h"
#include "train/loop/evaluation.h"
#include "train/loop/fit_settings.h"
#include "train/loop/objective.h"

namespace quench::calibration {
namespace {

using Outputs = std::vector<torch::Tensor>;

class ScoringRun {
 public:
  ScoringRun(const graph::Graph& float_graph, const quant::Placement& placement, const std::vector<Ranges>& ranges,
             const data::Splits& data, const Json& settings, const CancelToken& cancel)
      : placement_(placement),
        ranges_(ranges),
        data_(data),
        cancel_(cancel),
        target_(quant::placement_options(settings).target),
        graph_(quant::prepared_with(float_graph, ranges.front(), settings, 0, "").graph),
        twin_(quant::float_twin(graph_, float_graph)),
        weights_(nn::load_weights(graph_, {})),
        twin_weights_(nn::load_weights(twin_, {})),
        objective_(train::make_objective(twin_, data, train::parse_settings(Json::object(), twin_))),
        float_sums_(scorer()) {
    for (size_t i = 0; i < ranges.size(); ++i) sums_.emplace_back(scorer());
  }

  const graph::Graph& twin() const { return twin_; }

  void add(const data::Batch& batch) {
    const torch::Tensor pixels = train::pixels_of(batch.images, torch::kCPU);
    const std::vector<Truth> truths = truths_of(batch, *data_.train);
    const Outputs expected = bits::ChangedRun(twin_, twin_weights_, pixels).outputs();
    const double float_loss = loss(expected, batch);
    signal_.resize(expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      signal_[i] += expected[i].square().sum(torch::kDouble).item<double>();
    }
    float_sums_.add(expected, expected, 0, batch, truths);
    for (size_t i = 0; i < ranges_.size(); ++i) {
      cancel_.check();
      set_ranges(ranges_[i]);
      const Outputs found = bits::ChangedRun(graph_, weights_, pixels).outputs();
      sums_[i].add(found, expected, loss(found, batch) - float_loss, batch, truths);
    }
    images_ += static_cast<int64_t>(batch.indices.size());
  }

  int64_t images() const { return images_; }

  Scoring result() const {
    Scoring out{images_, float_sums_.score_name(), float_sums_.score(), {}};
    for (const bits::EffectSums& sums : sums_) {
      out.of.push_back({sums.result(signal_, out.float_score), sums.scorer()->result()});
    }
    return out;
  }

 private:
  std::unique_ptr<score::Scorer> scorer() const { return score::make_scorer(twin_, data_.train->classes(), nullptr); }

  void set_ranges(const Ranges& ranges) {
    for (size_t g = 0; g < placement_.groups.size(); ++g) {
      for (const graph::EdgeId edge : placement_.groups[g]) {
        graph_.edge(edge).quant = quant::for_target(ranges[g], target_);
      }
    }
  }

  double loss(const Outputs& outputs, const data::Batch& batch) {
    const double value = objective_->loss(outputs, batch).item<double>();
    if (!std::isfinite(value)) {
      fail(ErrorKind::data, "calibrate: expected a finite loss, got {} (training image {} and those after it)", value,
           batch.indices.front());
    }
    return value;
  }

  const quant::Placement& placement_;
  const std::vector<Ranges>& ranges_;
  const data::Splits& data_;
  const CancelToken& cancel_;
  quant::Target target_;
  graph::Graph graph_;  ///< quantized, with the ranges that are run
  graph::Graph twin_;
  nn::WeightStore weights_, twin_weights_;
  std::unique_ptr<train::Objective> objective_;
  bits::EffectSums float_sums_;
  std::vector<bits::EffectSums> sums_;
  std::vector<double> signal_;  ///< of each output
  int64_t images_ = 0;
};

}  // namespace

Scoring score_ranges(const graph::Graph& float_graph, const quant::Placement& placement,
                     const std::vector<Ranges>& ranges, const data::Splits& data, const std::vector<int64_t>& images,
                     const Json& settings, const LogSink& log, const CancelToken& cancel) {
  const torch::NoGradGuard no_gradient;
  const int64_t start_ns = now_ns();
  ScoringRun run(float_graph, placement, ranges, data, settings, cancel);
  data::LoaderOptions loading;
  loading.imgsz = graph::image_side(run.twin());
  loading.batch = quant::images_a_pass(loading.imgsz);
  loading.subset = images;
  data::Loader loader(data.train, loading);
  loader.start(0);
  while (const auto batch = loader.next()) {
    run.add(*batch);
    log.show_step({.phase = "score",
                   .done = run.images(),
                   .total = static_cast<int64_t>(images.size()),
                   .seconds = seconds_since(start_ns),
                   .things = "images"});
    log.show_progress(
        fmt::format("calibrate: {} of {} images scored with {} ranges", run.images(), images.size(), ranges.size()));
  }
  if (loader.left_out().count() > 0) {
    log.warning(data::to_text(loader.left_out().images(), static_cast<int64_t>(images.size()), "images"));
  }
  return run.result();
}

}  // namespace quench::calibration
