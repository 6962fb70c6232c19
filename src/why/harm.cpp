#include "why/harm.h"

#include <torch/types.h>

#include <cmath>

#include "bits/effect_sums.h"
#include "core/error.h"
#include "graph/op_traits.h"
#include "graph/quantized.h"
#include "nn/graph_module.h"
#include "train/loop/evaluation.h"
#include "train/loop/fit_settings.h"
#include "train/loop/objective.h"
#include "why/changes.h"

namespace quench::why {
namespace {

/// Changes of one layer, and what they do.
struct PartWork {
  bits::Change alone, without;
  bits::EffectSums alone_sums, without_sums;
};

/// A whole changed model.
struct TrialWork {
  const graph::Graph* graph;
  nn::WeightStore weights;
  bits::EffectSums sums;
};

class HarmRun {
 public:
  HarmRun(const Forms& forms, const std::map<Trial, graph::Graph>& trials, const data::Splits& data,
          const CancelToken& cancel)
      : forms_(forms),
        cancel_(cancel),
        objective_(
            train::make_objective(forms.reference, data, train::parse_settings(Json::object(), forms.reference))),
        float_weights_(nn::load_weights(forms.reference, {})),
        weights_(nn::load_weights(forms.quantized, {})) {
    const graph::Graph& quantized = forms.quantized;
    for (size_t i = 0; i < quantized.nodes.size(); ++i) {
      const graph::Node& node = quantized.nodes[i];
      const bool layer = graph::traits(node.op).layer && graph::rounds_weights(quantized, node);
      if (!layer || !quantized.edge(node.inputs.at(0)).quant) continue;
      parts_.emplace(i, PartWork{alone(forms, i), in_float(forms, i), bits::EffectSums(), bits::EffectSums()});
    }
    for (const auto& [trial, graph] : trials) {
      trials_.emplace(trial, TrialWork{&graph, nn::load_weights(graph, {}), bits::EffectSums()});
    }
  }

  void add(const data::Batch& batch) {
    const torch::Tensor pixels = train::pixels_of(batch.images, torch::kCPU);
    const bits::ChangedRun floats(forms_.reference, float_weights_, pixels);
    const bits::ChangedRun rounded(forms_.quantized, weights_, pixels);
    const std::vector<torch::Tensor> expected = floats.outputs();
    const double float_loss = loss(expected, batch);
    const auto images = static_cast<double>(batch.indices.size());
    loss_ += float_loss * images;
    images_ += images;
    signal_.resize(expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      signal_[i] += expected[i].square().sum(torch::kDouble).item<double>();
    }
    const auto take = [&](bits::EffectSums& sums, const std::vector<torch::Tensor>& found) {
      cancel_.check();
      sums.add(found, expected, loss(found, batch) - float_loss, batch, {});
    };
    take(all_, rounded.outputs());
    for (auto& [trial, work] : trials_) {
      take(work.sums, bits::ChangedRun(*work.graph, work.weights, pixels).outputs());
    }
    for (auto& [node, work] : parts_) {
      take(work.alone_sums, floats.outputs(work.alone));
      take(work.without_sums, rounded.outputs(work.without));
    }
  }

  Harm result() const {
    Harm out;
    out.loss = loss_ / images_;
    out.all = all_.result(signal_);
    for (const auto& [trial, work] : trials_) out.trials.emplace(trial, work.sums.result(signal_));
    for (const auto& [node, work] : parts_) {
      Part part{work.alone_sums.result(signal_), work.without_sums.result(signal_)};
      part.share = out.all.error > 0 ? 1 - part.without.error / out.all.error : 0;
      out.parts.emplace(node, part);
    }
    return out;
  }

 private:
  double loss(const std::vector<torch::Tensor>& outputs, const data::Batch& batch) {
    const double value = objective_->loss(outputs, batch).item<double>();
    if (!std::isfinite(value)) {
      fail(ErrorKind::data, "why: expected a finite loss, got {} (training image {} and those after it)", value,
           batch.indices.front());
    }
    return value;
  }

  const Forms& forms_;
  const CancelToken& cancel_;
  std::unique_ptr<train::Objective> objective_;
  nn::WeightStore float_weights_, weights_;
  std::map<size_t, PartWork> parts_;
  std::map<Trial, TrialWork> trials_;
  bits::EffectSums all_;
  std::vector<double> signal_;  ///< of each output
  double loss_ = 0, images_ = 0;
};

}  // namespace

Harm harm_of(const Forms& forms, const std::map<Trial, graph::Graph>& trials, const data::Splits& data,
             const std::vector<data::Batch>& batches, const LogSink& log, const CancelToken& cancel) {
  const torch::NoGradGuard no_gradient;
  HarmRun run(forms, trials, data, cancel);
  size_t done = 0;
  for (const data::Batch& batch : batches) {
    cancel.check();
    run.add(batch);
    log.show_progress(fmt::format("why: layers one by one, batch {} of {}", ++done, batches.size()));
  }
  return run.result();
}

}  // namespace quench::why
