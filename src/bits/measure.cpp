#include "bits/measure.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "bits/changed_run.h"
#include "bits/effect_sums.h"
#include "bits/hessian_trace.h"
#include "bits/layer_changes.h"
#include "config/tables.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/processors.h"
#include "core/text.h"
#include "core/workers.h"
#include "data/loading/evaluation_images.h"
#include "data/loading/loader.h"
#include "graph/image_side.h"
#include "graph/op_traits.h"
#include "graph/quantized.h"
#include "metrics/cost.h"
#include "models/task.h"
#include "nn/graph_module.h"
#include "nn/intra_op_threads.h"
#include "quant/float_twin.h"
#include "quant/image_batches.h"
#include "quant/placement_settings.h"
#include "score/scorer.h"
#include "train/loop/evaluation.h"
#include "train/loop/fit_settings.h"
#include "train/loop/objective.h"

namespace quench::bits {
namespace {

using Outputs = std::vector<torch::Tensor>;

/// One layer's changes and what they do.
struct LayerWork {
  LayerSensitivity row;
  size_t node = 0;
  std::map<int, Change> alone;
  std::map<int, EffectSums> alone_sums;
  Change rest;
  EffectSums rest_sums;
};

class Measurement {
 public:
  Measurement(const graph::ModelFile& model, const data::Splits& data, const Json& settings, const LogSink& log,
              const CancelToken& cancel)
      : model_(model), data_(data), settings_(settings), log_(log), cancel_(cancel) {
    const config::OptionSet& known = config::quantize_options();
    quantization_ = known.checked(known.part_of(settings), "sensitivity");
    quantization_["quantize_head"] = true;
  }

  Sensitivity run() {
    const int64_t start_ns = now_ns();
    models::require_fit(model_.graph, data_.train->task(), data_.train->classes());
    prepared_ = quant::prepare(model_.graph, data_, quantization_, log_, cancel_);
    twin_ = quant::float_twin(prepared_.graph, model_.graph);
    make_objectives();
    twin_weights_ = nn::load_weights(twin_, {});
    weights_ = nn::load_weights(prepared_.graph, {});
    list_layers();
    choose_images();
    look_at_images(start_ns);
    take_traces();
    Sensitivity out = result();
    log_.info(fmt::format("sensitivity: {} at {} in {:.0f} s",
                          counted(static_cast<int64_t>(out.layers.size()), "layer"), counted(out.images, "image"),
                          static_cast<double>(now_ns() - start_ns) * 1e-9));
    return out;
  }

  const quant::Prepared& prepared() const { return prepared_; }

 private:
  std::unique_ptr<score::Scorer> scorer() const {
    return settings_.at("scores").get<bool>() ? score::make_scorer(twin_, data_.train->classes(), nullptr) : nullptr;
  }

  void list_layers() {
    const LayerSource source{model_.graph, twin_, prepared_, quant::placement_options(quantization_),
                             quant::weight_rule(quantization_)};
    const metrics::Cost cost = metrics::cost(twin_);
    for (size_t i = 0; i < prepared_.graph.nodes.size(); ++i) {
      const graph::Node& node = prepared_.graph.nodes[i];
      if (!graph::traits(node.op).layer || !graph::rounds_weights(prepared_.graph, node)) continue;
      cancel_.check();
      LayerWork work{{}, i, {}, {}, in_float(source, i), EffectSums(scorer())};
      work.row.layer = node.name;
      work.row.params = cost.nodes.at(i).params;
      work.row.macs = cost.nodes.at(i).macs;
      for (const Json& text : settings_.at("bits")) {
        const int bits = std::stoi(text.get<std::string>());
        work.alone.emplace(bits, alone(source, i, bits, work.row.widths[bits].weight_error));
        work.alone_sums.emplace(bits, EffectSums(scorer()));
      }
      layers_.push_back(std::move(work));
    }
    if (layers_.empty()) {
      fail(ErrorKind::config, "sensitivity: expected layers that are quantized, got none ({})", model_.path.string());
    }
  }

  void choose_images() {
    const int side = graph::image_side(twin_);
    const int64_t images = quant::images_to_keep(settings_.at("images").get<int64_t>(), side, 512);
    subset_ = data::calibration_subset(*data_.train, images, settings_.at("calibration_seed").get<uint64_t>());
    loading_.imgsz = side;
    // Eight batches or more, between which the loss's standard error is found.
    loading_.batch = std::clamp<int64_t>(images / 8, 1, quant::images_a_pass(side));
    loading_.subset = subset_.indices;
  }

  /// One for each thread: a loss may keep what it has computed.
  void make_objectives() {
    for (int i = 0; i < usable_processors(); ++i) {
      objectives_.push_back(train::make_objective(twin_, data_, train::parse_settings(Json::object(), twin_)));
    }
  }

  double loss(const Outputs& outputs, const data::Batch& batch, int worker = 0) {
    const double value = objectives_.at(static_cast<size_t>(worker))->loss(outputs, batch).item<double>();
    if (!std::isfinite(value)) {
      fail(ErrorKind::data, "sensitivity: expected a finite loss, got {} (training image {} and those after it)", value,
           batch.indices.front());
    }
    return value;
  }

  void look_at_images(int64_t start_ns) {
    const torch::NoGradGuard no_gradient;
    data::Loader loader(data_.train, loading_);
    loader.start(0);
    float_sums_ = std::make_unique<EffectSums>(scorer());
    all_sums_ = std::make_unique<EffectSums>(scorer());
    while (const auto batch = loader.next()) {
      add(*batch);
      images_ += batch->images.shape()[0];
      log_.show_step({.phase = "sensitivity",
                      .done = images_,
                      .total = static_cast<int64_t>(subset_.indices.size()),
                      .seconds = static_cast<double>(now_ns() - start_ns) * 1e-9,
                      .things = "images"});
      log_.show_progress(fmt::format("sensitivity: {} of {} images", images_, subset_.indices.size()));
    }
    if (loader.left_out().count() > 0) {
      log_.warning(data::to_text(loader.left_out().images(), static_cast<int64_t>(subset_.indices.size()), "images"));
    }
  }

  void add(const data::Batch& batch) {
    const torch::Tensor pixels = train::pixels_of(batch.images, torch::kCPU);
    const std::vector<Truth> truths = truths_of(batch, *data_.train);
    const ChangedRun floats(twin_, twin_weights_, pixels), rounded(prepared_.graph, weights_, pixels);
    const Outputs expected = floats.outputs();
    const double float_loss = loss(expected, batch);
    const auto images = static_cast<double>(batch.indices.size());
    loss_ += float_loss * images;
    signal_.resize(expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      signal_[i] += expected[i].square().sum(torch::kDouble).item<double>();
    }
    const auto take = [&](EffectSums& sums, const Outputs& found, int worker = 0) {
      cancel_.check();
      sums.add(found, expected, loss(found, batch, worker) - float_loss, batch, truths);
    };
    take(*float_sums_, expected);
    take(*all_sums_, rounded.outputs());
    // Layers side by side, each in one thread: the values of two images are too few for threads to share an operator.
    const int workers = static_cast<int>(objectives_.size());
    const nn::IntraOpThreads one(1);
    run_workers(workers, [&](int worker) {
      const torch::NoGradGuard no_gradient;
      for (size_t i = static_cast<size_t>(worker); i < layers_.size(); i += objectives_.size()) {
        LayerWork& work = layers_[i];
        for (auto& [bits, change] : work.alone) take(work.alone_sums.at(bits), floats.outputs(change), worker);
        take(work.rest_sums, rounded.outputs(work.rest), worker);
      }
    });
  }

  void take_traces() {
    const auto probes = settings_.at("hessian_probes").get<int64_t>();
    if (probes == 0) return;
    nn::GraphModule module(twin_);
    std::vector<std::string> names;
    for (const LayerWork& work : layers_) names.push_back(work.row.layer + ".weight");
    int64_t pass = 0;
    const auto add_gradients = [&] {
      data::Loader loader(data_.train, loading_);
      loader.start(0);
      log_.show_progress(fmt::format("hessian: pass {} of {}", ++pass, 2 * probes));
      while (const auto batch = loader.next()) {
        cancel_.check();
        const torch::Tensor pixels = train::pixels_of(batch->images, torch::kCPU);
        const double share = static_cast<double>(batch->indices.size()) / static_cast<double>(images_);
        const torch::Tensor loss = objectives_[0]->loss(module.forward(pixels), *batch) * share;
        if (loss.requires_grad()) loss.backward();
      }
    };
    const auto traces =
        hessian_traces(module, names, add_gradients, probes, settings_.at("calibration_seed").get<uint64_t>(), cancel_);
    for (LayerWork& work : layers_) {
      const int64_t weights = twin_.required_weight(twin_.nodes.at(work.node), "weight").value.size();
      work.row.trace = traces.at(work.row.layer + ".weight");
      for (auto& [bits, at] : work.row.widths) {
        at.forecast = *work.row.trace / (2 * static_cast<double>(weights)) * at.weight_error;
      }
    }
  }

  Sensitivity result() {
    Sensitivity out;
    out.model = model_.path.string();
    out.model_sha256 = model_.sha256;
    out.data = data_.name;
    out.images_sha256 = subset_.sha256;
    out.images = images_;
    out.loss = loss_ / static_cast<double>(images_);
    out.score = float_sums_->score();
    out.score_name = float_sums_->score_name();
    out.rest_bits = quantization_.at("bits_w").get<int>();
    out.all = all_sums_->result(signal_, out.score);
    for (LayerWork& work : layers_) {
      for (auto& [bits, at] : work.row.widths) at.alone = work.alone_sums.at(bits).result(signal_, out.score);
      work.row.rest = work.rest_sums.result(signal_, out.score);
      out.layers.push_back(work.row);
    }
    out.settings = quantization_;
    for (const char* name : {"bits", "images", "hessian_probes", "scores"}) out.settings[name] = settings_.at(name);
    return out;
  }

  const graph::ModelFile& model_;
  const data::Splits& data_;
  const Json& settings_;
  const LogSink& log_;
  const CancelToken& cancel_;
  Json quantization_;
  quant::Prepared prepared_;
  graph::Graph twin_;
  nn::WeightStore twin_weights_, weights_;
  std::vector<std::unique_ptr<train::Objective>> objectives_;
  std::vector<LayerWork> layers_;
  data::Subset subset_;
  data::LoaderOptions loading_;
  int64_t images_ = 0;
  double loss_ = 0;             ///< summed over images
  std::vector<double> signal_;  ///< of each output
  std::unique_ptr<EffectSums> float_sums_, all_sums_;
};

}  // namespace

Sensitivity measure_sensitivity(const graph::ModelFile& model, const data::Splits& data, const Json& settings,
                                const LogSink& log, const CancelToken& cancel, quant::Prepared* prepared) {
  if (graph::is_quantized(model.graph)) {
    fail(ErrorKind::config,
         "sensitivity: expected a float model, got a quantized one ({}): give the model that it was "
         "made of",
         model.path.string());
  }
  Measurement measurement(model, data, settings, log, cancel);
  Sensitivity out = measurement.run();
  if (prepared) *prepared = measurement.prepared();
  return out;
}

}  // namespace quench::bits
