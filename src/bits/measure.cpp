#include "bits/measure.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>

#include "bits/changed_run.h"
#include "bits/effect_sums.h"
#include "bits/hessian_trace.h"
#include "bits/layer_changes.h"
#include "bits/side_by_side.h"
#include "config/tables.h"
#include "core/byte_string.h"
#include "core/clock.h"
#include "core/error.h"
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
#include "score/answer_bytes.h"
#include "score/scorer.h"
#include "train/loop/evaluation.h"
#include "train/loop/fit_settings.h"
#include "train/loop/objective.h"

namespace quench::bits {
namespace {

using Outputs = std::vector<torch::Tensor>;

constexpr const char* kShareForm = "sensitivity 1";
constexpr size_t kMostSideBySide = 8;  ///< batches whose gradients are taken at a time: each has its values in memory

/// One layer's changes and what they do.
struct LayerWork {
  LayerSensitivity row;
  size_t node = 0;
  std::map<int, Change> alone;
  std::map<int, EffectSums> alone_sums;
  Change rest;
  EffectSums rest_sums;
};

/// What the float model gave for a batch.
struct FloatBatch {
  int64_t images = 0;
  double loss = 0;
  std::vector<double> signal;  ///< of each output: the sum of squares of its values
};

class Measurement {
 public:
  Measurement(const graph::ModelFile& model, const data::Splits& data, const Json& settings, const LogSink& log,
              const CancelToken& cancel, const Shards* shards)
      : model_(model), data_(data), settings_(settings), log_(log), cancel_(cancel), shards_(shards) {
    const config::OptionSet& known = config::quantize_options();
    quantization_ = known.checked(known.part_of(settings), "sensitivity");
    quantization_["quantize_head"] = true;
  }

  Sensitivity run() {
    const int64_t start_ns = now_ns();
    models::require_fit(model_.graph, data_.train->task(), data_.train->classes());
    prepared_ = quant::prepare(model_.graph, data_, quantization_, log_, cancel_, shards_);
    twin_ = quant::float_twin(prepared_.graph, model_.graph);
    make_objectives();
    const nn::IntraOpThreads one(1);  // of each worker: so that no sum depends on how many there are
    twin_weights_ = nn::load_weights(twin_, {});
    weights_ = nn::load_weights(prepared_.graph, {});
    list_layers();
    choose_images();
    look_at_images(start_ns);
    take_traces();
    Sensitivity out = result();
    log_.info(fmt::format("sensitivity: {} at {} in {:.0f} s",
                          counted(static_cast<int64_t>(out.layers.size()), "layer"), counted(out.images, "image"),
                          seconds_since(start_ns)));
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
    for (int i = 0; i < nn::intra_op_threads(); ++i) {
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
    float_sums_ = std::make_unique<EffectSums>(scorer());
    all_sums_ = std::make_unique<EffectSums>(scorer());
    const auto all = static_cast<int64_t>(subset_.indices.size());
    if (is_shared(shards_)) {
      const Share share = share_of(all, loading_.batch, shards_);
      data::LoaderOptions loading = loading_;
      loading.subset.assign(subset_.indices.begin() + share.first, subset_.indices.begin() + share.last);
      loading.is_share = true;
      for_each_sums([](EffectSums& sums) { sums.keep_share(); });
      const std::vector<std::string> shares = exchange_work(*shards_, [&] {
        if (share.size() > 0) look_at(loading, start_ns);
        return write_share();
      });
      for (const std::string& bytes : shares) add_share(bytes);
      if (images() == 0) data::fail_none_read(left_out_, data_.train->size());
    } else {
      look_at(loading_, start_ns);
    }
    if (!left_out_.empty()) log_.warning(data::to_text(left_out_, all, "images"));
  }

  void look_at(const data::LoaderOptions& loading, int64_t start_ns) {
    data::Loader loader(data_.train, loading);
    loader.start(0);
    while (const auto batch = loader.next()) {
      add(*batch);
      log_.show_step({.phase = "sensitivity",
                      .done = images(),
                      .total = static_cast<int64_t>(loading.subset.size()),
                      .seconds = seconds_since(start_ns),
                      .things = "images"});
      log_.show_progress(fmt::format("sensitivity: {} of {} images", images(), loading.subset.size()));
    }
    left_out_ = loader.left_out().images();
  }

  /// In one order.
  void for_each_sums(const std::function<void(EffectSums&)>& visit) {
    visit(*float_sums_);
    visit(*all_sums_);
    for (LayerWork& work : layers_) {
      for (auto& [bits, sums] : work.alone_sums) visit(sums);
      visit(work.rest_sums);
    }
  }

  /// What this process's batches gave, which it forgets.
  std::string write_share() {
    ByteWriter out(kShareForm);
    data::write_left_out(out, left_out_);
    out.number(static_cast<int64_t>(batches_.size()));
    for (const FloatBatch& batch : batches_) {
      out.number(batch.images);
      out.real(batch.loss);
      out.number(static_cast<int64_t>(batch.signal.size()));
      for (const double signal : batch.signal) out.real(signal);
    }
    out.number(static_cast<int64_t>(truths_.size()));
    for (const Truth& truth : truths_) score::write_truth(out, truth);
    for_each_sums([&](EffectSums& sums) { sums.write_share(out); });
    left_out_.clear();
    batches_.clear();
    truths_.clear();
    return out.take();
  }

  void add_share(const std::string& bytes) {
    ByteReader in(bytes, kShareForm);
    data::merge_left_out(left_out_, data::read_left_out(in));
    for (int64_t left = in.count(); left > 0; --left) {
      FloatBatch& batch = batches_.emplace_back();
      batch.images = in.number();
      batch.loss = in.real_double();
      batch.signal.resize(static_cast<size_t>(in.count()));
      for (double& signal : batch.signal) signal = in.real_double();
    }
    std::vector<Truth> truths(static_cast<size_t>(in.count()));
    for (Truth& truth : truths) truth = score::read_truth(in);
    for_each_sums([&](EffectSums& sums) { sums.add_share(in, truths); });
  }

  int64_t images() const {
    int64_t sum = 0;
    for (const FloatBatch& batch : batches_) sum += batch.images;
    return sum;
  }

  void add(const data::Batch& batch) {
    const torch::Tensor pixels = train::pixels_of(batch.images, torch::kCPU);
    const std::vector<Truth> truths = truths_of(batch, *data_.train);
    if (is_shared(shards_) && float_sums_->scorer()) truths_.insert(truths_.end(), truths.begin(), truths.end());
    std::optional<ChangedRun> float_run, rounded_run;
    run_workers(std::min(2, static_cast<int>(objectives_.size())), [&](int worker) {
      const torch::NoGradGuard no_gradient;
      if (worker == 0) float_run.emplace(twin_, twin_weights_, pixels);
      if (worker == 1 || objectives_.size() == 1) rounded_run.emplace(prepared_.graph, weights_, pixels);
    });
    const ChangedRun &floats = *float_run, &rounded = *rounded_run;
    const Outputs expected = floats.outputs();
    const double float_loss = loss(expected, batch);
    FloatBatch& told = batches_.emplace_back();
    told.images = static_cast<int64_t>(batch.indices.size());
    told.loss = float_loss;
    for (const torch::Tensor& output : expected) {
      told.signal.push_back(output.square().sum(torch::kDouble).item<double>());
    }
    const auto take = [&](EffectSums& sums, const Outputs& found, int worker = 0) {
      cancel_.check();
      sums.add(found, expected, loss(found, batch, worker) - float_loss, batch, truths);
    };
    take(*float_sums_, expected);
    take(*all_sums_, rounded.outputs());
    // Layers side by side, each in one thread: the values of two images are too few for threads to share an operator.
    const int workers = static_cast<int>(objectives_.size());
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
    SideBySide copies(module, twin_, std::min<size_t>(objectives_.size(), kMostSideBySide));
    std::vector<std::string> names;
    for (const LayerWork& work : layers_) names.push_back(work.row.layer + ".weight");
    const int64_t all = images(), own = 2 * share_of(probes, 1, shards_).size();
    int64_t pass = 0;
    const auto add_gradients = [&] {
      data::Loader loader(data_.train, loading_);
      loader.start(0);
      log_.show_progress(fmt::format("hessian: pass {} of {}", ++pass, own));
      copies.add_gradients(
          [&] {
            cancel_.check();
            return loader.next();
          },
          [&](nn::GraphModule& copy, const data::Batch& batch, size_t worker) {
            const torch::Tensor pixels = train::pixels_of(batch.images, torch::kCPU);
            const double share = static_cast<double>(batch.indices.size()) / static_cast<double>(all);
            return objectives_[worker]->loss(copy.forward(pixels), batch) * share;
          });
    };
    const auto traces = hessian_traces(module, names, add_gradients, probes,
                                       settings_.at("calibration_seed").get<uint64_t>(), cancel_, shards_);
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
    out.images = images();
    std::vector<double> signal;  // of each output
    for (const FloatBatch& batch : batches_) {
      out.loss += batch.loss * static_cast<double>(batch.images);
      signal.resize(batch.signal.size());
      for (size_t i = 0; i < signal.size(); ++i) signal[i] += batch.signal[i];
    }
    out.loss /= static_cast<double>(out.images);
    out.score = float_sums_->score();
    out.score_name = float_sums_->score_name();
    out.rest_bits = quantization_.at("bits_w").get<int>();
    out.all = all_sums_->result(signal, out.score);
    for (LayerWork& work : layers_) {
      for (auto& [bits, at] : work.row.widths) at.alone = work.alone_sums.at(bits).result(signal, out.score);
      work.row.rest = work.rest_sums.result(signal, out.score);
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
  const Shards* shards_;
  Json quantization_;
  quant::Prepared prepared_;
  graph::Graph twin_;
  nn::WeightStore twin_weights_, weights_;
  std::vector<std::unique_ptr<train::Objective>> objectives_;
  std::vector<LayerWork> layers_;
  data::Subset subset_;
  data::LoaderOptions loading_;
  std::vector<FloatBatch> batches_;
  std::vector<LeftOutImage> left_out_;
  std::vector<Truth> truths_;  ///< of a share's images, where they are scored
  std::unique_ptr<EffectSums> float_sums_, all_sums_;
};

}  // namespace

Sensitivity measure_sensitivity(const graph::ModelFile& model, const data::Splits& data, const Json& settings,
                                const LogSink& log, const CancelToken& cancel, quant::Prepared* prepared,
                                const Shards* shards) {
  if (graph::is_quantized(model.graph)) {
    fail(ErrorKind::config,
         "sensitivity: expected a float model, got a quantized one ({}): give the model that it was "
         "made of",
         model.path.string());
  }
  Measurement measurement(model, data, settings, log, cancel, shards);
  Sensitivity out = measurement.run();
  if (prepared) *prepared = measurement.prepared();
  return out;
}

}  // namespace quench::bits
