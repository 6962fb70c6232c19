#include "why/examine.h"

#include <algorithm>

#include "core/clock.h"
#include "core/error.h"
#include "core/text.h"
#include "graph/image_side.h"
#include "graph/op_traits.h"
#include "models/task.h"
#include "nn/range_groups.h"
#include "quant/calibrate.h"
#include "quant/image_batches.h"
#include "why/changes.h"
#include "why/harm.h"
#include "why/readings.h"
#include "why/reference.h"
#include "why/rules.h"
#include "why/structure.h"

namespace quench::why {
namespace {

using graph::EdgeId;

class Examination {
 public:
  Examination(const Subject& subject, const Json& settings, const LogSink& log, const CancelToken& cancel)
      : subject_(subject), settings_(settings), log_(log), cancel_(cancel) {
    if (subject.data != nullptr) {
      models::require_fit(subject.model.graph, subject.data->train->task(), subject.data->train->classes());
    }
    forms_ = forms_of(subject.model, subject.against);
    const graph::Graph& graph = subject.model.graph;
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      if (graph::traits(graph.nodes[i].op).layer) nodes_.push_back(i);
    }
    out_.model = subject.model.path.string();
    out_.model_sha256 = subject.model.sha256;
    out_.metadata = graph.metadata;
    out_.layers = layers_of(graph);
    out_.parted_db = settings.at("parted_db").get<double>();
    if (subject.against != nullptr) out_.against = subject.against->path.string();
  }

  Findings run(const Profiler& profiler) {
    take_times(profiler);
    if (subject_.data != nullptr) {
      load_images();
      take_noise();
      take_harm();
    } else {
      out_.unknown.emplace_back("Without --data the error cannot be measured: only structure and times are told.");
    }
    if (subject_.against == nullptr) {
      out_.unknown.emplace_back(
          "Without --against the rounding of weights cannot be seen: errors are those of activations alone, and the "
          "float times are of the same layers with these weights in float.");
    }
    out_.advice = advice_for(out_);
    return std::move(out_);
  }

 private:
  void take_times(const Profiler& profiler) {
    try {
      const Profile profile = profiler(subject_.model, forms_.in_float);
      out_.time = model_time(profile);
      out_.time->stand_in = subject_.against == nullptr;
      for (LayerFinding& layer : out_.layers) {
        layer.time = layer_time(profile, layer.layer);
        if (!layer.integer || layer.time->in_integers) continue;
        layer.integer = false;
        layer.reason = "the runtime has no integer form of it";
      }
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::unsupported) throw;
      out_.no_time = error.what();
    }
  }

  void load_images() {
    const data::Splits& data = *subject_.data;
    data::LoaderOptions loading;
    loading.imgsz = graph::image_side(forms_.reference);
    const int64_t images = quant::images_to_keep(settings_.at("images").get<int64_t>(), loading.imgsz, kMostImages);
    // Eight batches or more, between which the loss's standard error is found.
    loading.batch = std::clamp<int64_t>(images / 8, 1, quant::images_a_pass(loading.imgsz));
    subset_ = data::calibration_subset(*data.train, images, settings_.at("images_seed").get<uint64_t>());
    loading.subset = subset_.indices;
    data::Loader loader(data.train, loading);
    loader.start(0);
    while (auto batch = loader.next()) {
      cancel_.check();
      out_.images += batch->images.shape().at(0);
      pixels_.push_back(batch->images);
      batches_.push_back(std::move(*batch));
    }
    if (loader.left_out().count() > 0) {
      log_.warning(data::to_text(loader.left_out().images(), static_cast<int64_t>(loading.subset.size()), "images"));
    }
    out_.data = subject_.data_argument.empty() ? data.name : subject_.data_argument;
    out_.images_sha256 = subset_.sha256;
  }

  void take_noise() {
    log_.show_progress("why: signal and noise of layers");
    const auto noise = quant::layer_errors(forms_.quantized, forms_.reference, pixels_, cancel_);
    const auto found = readings(forms_.quantized, forms_.reference, pixels_, cancel_);
    for (size_t i = 0; i < nodes_.size(); ++i) {
      out_.layers[i].noise = noise.at(i);
      const EdgeId input = forms_.quantized.nodes[nodes_[i]].inputs.at(0);
      if (const auto reading = found.find(input); reading != found.end()) out_.layers[i].reading = reading->second;
      if (!out_.parts_at && noise.at(i).sqnr_db < out_.parted_db) out_.parts_at = i;
    }
  }

  std::string text(const char* name, const char* otherwise) const {
    const auto found = out_.metadata.find(name);
    return found == out_.metadata.end() || found->second.empty() ? otherwise : found->second;
  }

  /// Ranges that an observer chooses on the images at hand, with these bits; 0: each with its own.
  Ranges ranges_by(const std::string& observer, int bits) const {
    const nn::RangeGroups groups = nn::find_range_groups(forms_.quantized);
    quant::Placement placement;
    placement.graph = forms_.reference;
    bool symmetric = text("activations", "asymmetric") == "symmetric";
    for (size_t g = 0; g < groups.members.size(); ++g) {
      if (!groups.learnable[g]) continue;
      placement.groups.push_back(groups.members[g]);
      const graph::QuantParams& params = *forms_.quantized.edge(groups.members[g].front()).quant;
      placement.group_bits.push_back(bits > 0 ? bits : params.bits);
      symmetric |= params.dtype == DType::i8;
    }
    if (placement.groups.empty()) return {};
    const quant::Target target = quant::target_from(text("target", "native"));
    const quant::Calibration calibration =
        quant::calibrate(placement, subject_.data->train, subset_.indices,
                         {.observer = observer, .symmetric = symmetric}, log_, cancel_);
    Ranges out;
    for (size_t g = 0; g < placement.groups.size(); ++g) {
      for (const EdgeId edge : placement.groups[g]) out[edge] = quant::for_target(calibration.params[g], target);
    }
    return out;
  }

  bool has_narrow_activations() const {
    return std::ranges::any_of(forms_.quantized.edges,
                               [](const graph::Edge& edge) { return edge.quant && edge.quant->bits < 8; });
  }

  void take_harm() {
    const Ranges in_8_bits = has_narrow_activations() ? ranges_by(text("observer", "mse"), 8) : Ranges();
    const auto trials = trials_of(forms_, subject_.against != nullptr, ranges_by("mse", 0), in_8_bits);
    const Harm harm = harm_of(forms_, trials, *subject_.data, batches_, log_, cancel_);
    out_.loss = harm.loss;
    out_.all = harm.all;
    out_.trials = harm.trials;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (const auto part = harm.parts.find(nodes_[i]); part != harm.parts.end()) out_.layers[i].part = part->second;
    }
  }

  const Subject& subject_;
  const Json& settings_;
  const LogSink& log_;
  const CancelToken& cancel_;
  Forms forms_;
  std::vector<size_t> nodes_;  ///< of the layers
  data::Subset subset_;
  std::vector<data::Batch> batches_;
  std::vector<Tensor> pixels_;  ///< of the batches
  Findings out_;
};

}  // namespace

Findings examine(const Subject& subject, const Json& settings, const Profiler& profiler, const LogSink& log,
                 const CancelToken& cancel) {
  const int64_t start_ns = now_ns();
  Findings out = Examination(subject, settings, log, cancel).run(profiler);
  log.info(fmt::format("why: {} at {} in {:.0f} s", counted(static_cast<int64_t>(out.layers.size()), "layer"),
                       counted(out.images, "image"), seconds_since(start_ns)));
  return out;
}

}  // namespace quench::why
