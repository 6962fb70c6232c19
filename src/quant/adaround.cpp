#include "quant/adaround.h"

#include <torch/types.h>

#include <cmath>
#include <map>
#include <set>

#include "core/error.h"
#include "graph/links.h"
#include "graph/quantized.h"
#include "graph/weight_groups.h"
#include "nn/graph_module.h"
#include "quant/activate.h"
#include "quant/activation_after.h"
#include "quant/block_rounding.h"
#include "quant/blocks.h"
#include "quant/layer_samples.h"
#include "quant/layer_walk.h"
#include "quant/learned_rounding.h"
#include "quant/output_gradients.h"

namespace quench::quant {
namespace {

constexpr int64_t kPlaces = 16384;                   // of a layer, over all images
constexpr int64_t kMostTargets = int64_t{1} << 27;   // floats that wait for their layer
constexpr int64_t kMostPatches = int64_t{1} << 26;   // floats of one layer
constexpr int64_t kMostOfABlock = int64_t{1} << 28;  // floats at both ends of one block

/// A layer and where it is looked at.
struct Looked {
  const graph::Node* node;
  LayerShape shape;
  SamplePlaces places;
  graph::Activation activation;
  std::vector<torch::Tensor> targets;  ///< of each batch: [G,n,O]
};

RoundingLayer rounding_layer(const graph::Graph& graph, const Looked& looked) {
  const graph::Weight& weight = graph.required_weight(*looked.node, "weight");
  const graph::Weight* bias = graph.weight(*looked.node, "bias");
  const LayerShape& s = looked.shape;
  const graph::QuantParams& quant = *weight.quant;
  const bool grouped = quant.group_size > 0;
  const torch::Tensor w = nn::to_torch(weight.value).contiguous(), scale = step_sizes(weight);
  const int64_t most = graph::largest_code(quant);
  return {w.view({s.groups, s.outputs, s.inputs}),
          grouped           ? scale.expand_as(w).reshape({s.groups, s.outputs, s.inputs})
          : quant.axis >= 0 ? scale.view({s.groups, s.outputs, 1})
                            : scale.view({1, 1, 1}),
          bias ? nn::to_torch(bias->value).view({s.groups, 1, s.outputs}) : torch::zeros({s.groups, 1, s.outputs}),
          grouped ? -most : quant.q_min(),
          most,
          quant.levels,
          looked.activation};
}

class AdaRound {
 public:
  AdaRound(const graph::Graph& quantized, const graph::Graph& twin, const std::vector<Tensor>& images,
           const Json& settings, const LogSink& log, const CancelToken& cancel)
      : out_{quantized, 0, 0, 0, 0, 1}, twin_(twin), images_(images), log_(log), cancel_(cancel) {
    settings_.iterations = settings.at("iterations").get<int64_t>();
    settings_.batch = settings.at("batch").get<int64_t>();
    settings_.lr = settings.at("lr").get<double>();
    settings_.regularization = settings.at("regularization").get<double>();
    settings_.seed = settings.at("calibration_seed").get<uint64_t>();
    drop_ = settings.value("drop", 0.0);
    weighs_ = settings.value("weigh", std::string("none")) == "fisher";
    block_settings_ = settings_;
    block_settings_.batch = settings.value("block_images", int64_t{32});
    if (settings.value("unit", std::string("layer")) == "block") find_blocks();
    choose_places();
  }

  Adarounded run() {
    take_targets();
    LayerWalk walk(out_.graph, images_);
    walk.run(
        [&](const graph::Node& node) {
          if (const auto found = looked_.find(node.name); found != looked_.end()) learn(walk, found->second);
          if (const auto found = blocks_.find(node.name); found != blocks_.end()) learn_together(walk, found->second);
        },
        cancel_);
    if (units_ > 0) out_.error = std::exp(log_error_ / static_cast<double>(units_));
    if (weights_ > 0) out_.flipped = flipped_ / weights_;
    out_.graph.metadata["weight_scales"] = "fixed";
    return std::move(out_);
  }

 private:
  void find_blocks() {
    for (const auto& [name, weight] : out_.graph.weights) {
      if (!weight.quant || weight.quant->levels.empty()) continue;
      fail(
          ErrorKind::unsupported,
          "[quant.adaround] unit: block rounds to every integer, and these weights have levels of their own ({}): take "
          "unit: layer",
          name);
    }
    for (const Block& block : blocks_of(out_.graph)) {
      blocks_.emplace(out_.graph.nodes[block.first].name, block);
      for (const size_t i : block.layers) in_blocks_.insert(out_.graph.nodes[i].name);
    }
  }

  void choose_places() {
    const graph::Links links(out_.graph);
    int64_t images = 0, outputs = 0;
    for (const Tensor& batch : images_) images += batch.shape()[0];
    std::vector<const graph::Node*> layers;
    for (const graph::Node& node : twin_.nodes) {
      if (!graph::rounds_weights(out_.graph, node)) continue;
      const Tensor& weight = out_.graph.required_weight(node, "weight").value;
      ensure(weight.dtype() == DType::f32, "[quant.adaround] expected float weights (node {})", node.name);
      if (in_blocks_.contains(node.name)) continue;
      layers.push_back(&node);
      outputs += weight.shape()[0];
    }
    for (const graph::Node* node : layers) {
      const LayerShape shape = layer_shape(out_.graph, *node);
      const int64_t places = std::min({kPlaces, kMostTargets / outputs, kMostPatches / (shape.inputs * shape.groups)});
      looked_.emplace(node->name, Looked{node,
                                         shape,
                                         {twin_, *node, images, places, settings_.seed},
                                         activation_after(twin_, links, *node).activation,
                                         {}});
    }
  }

  /// One pass of the float model.
  void take_targets() {
    const torch::NoGradGuard no_gradient;
    std::map<graph::EdgeId, Looked*> by_edge;
    for (auto& [name, looked] : looked_) by_edge[looked.node->outputs.at(0)] = &looked;
    nn::GraphModule module(twin_);
    int64_t first = 0;
    module.set_edge_hook([&](graph::EdgeId edge, const torch::Tensor& value) {
      const auto found = by_edge.find(edge);
      if (found == by_edge.end()) return;
      Looked& looked = *found->second;
      const torch::Tensor y = outputs_at(value, looked.places.of(first, value.size(0)), looked.shape);
      looked.targets.push_back(activate(y, looked.activation));
    });
    for (const Tensor& batch : images_) {
      cancel_.check();
      module.forward(nn::to_torch(batch).permute({0, 3, 1, 2}));
      first += batch.shape()[0];
      log_.show_progress(fmt::format("float outputs of {} images", first));
    }
  }

  void learn(const LayerWalk& walk, Looked& looked) {
    const graph::Node& node = *looked.node;
    std::vector<torch::Tensor> patches;
    int64_t first = 0;
    for (size_t batch = 0; batch < walk.batches(); ++batch) {
      cancel_.check();
      const torch::Tensor value = walk.input(node, batch);
      patches.push_back(patches_at(value, node, looked.places.of(first, value.size(0)),
                                   twin_.edge(node.outputs.at(0)).shape, looked.shape));
      first += value.size(0);
    }
    const torch::Tensor x = torch::cat(patches, 1), target = torch::cat(looked.targets, 1);
    patches.clear();
    looked.targets.clear();
    const RoundingLayer layer = rounding_layer(out_.graph, looked);
    Rounded rounded;
    try {
      rounded = learn_rounding(layer, x, target, settings_, cancel_);
    } catch (const Error& error) {
      throw Error(error.kind(), fmt::format("{} (layer {})", error.what(), node.name));
    }
    graph::Weight& weight = *out_.graph.weight(node, "weight");
    weight.value = nn::to_host((rounded.steps * layer.scale).view(weight.value.shape()));
    ++out_.layers;
    tell(node.name, rounded.error, rounded.nearest_error, rounded.flipped, static_cast<double>(weight.value.size()));
  }

  void tell(const std::string& name, double error, double nearest_error, double flipped, double weights) {
    ++units_;
    const double share = nearest_error > 0 ? std::max(error / nearest_error, 1e-12) : 1;
    log_error_ += std::log(share);
    flipped_ += flipped * weights;
    weights_ += weights;
    log_.show_progress(fmt::format("adaround {}/{} layers: {} has {:.1f} % of the error of nearest", out_.layers,
                                   looked_.size() + in_blocks_.size(), name, 100 * share));
  }

  /// Weights of mean 1, so that errors and `regularization` mean what they do without; all 1 where no loss depends on
  /// the block.
  static torch::Tensor over_mean(const torch::Tensor& squares) {
    const double mean = squares.mean(torch::kDouble).item<double>();
    return mean > 0 ? squares / mean : torch::ones_like(squares);
  }

  /// The float model's values at both ends of a block, and the quantized one's at its entry, of as many batches as
  /// memory takes.
  BlockSamples samples_of(const LayerWalk& walk, const Block& block) {
    const torch::NoGradGuard no_gradient;
    const graph::Node& first_layer = out_.graph.nodes[block.first];
    const int64_t each = element_count(twin_.edge(block.entry).shape) * (drop_ > 0 ? 2 : 1) +
                         element_count(twin_.edge(block.exit).shape) * (weighs_ ? 2 : 1);
    const int64_t most = std::max<int64_t>(kMostOfABlock / std::max<int64_t>(each, 1), 1);
    std::vector<torch::Tensor> x, float_x, target, weight;
    nn::GraphModule module(twin_);
    module.set_edge_hook([&](graph::EdgeId edge, const torch::Tensor& value) {
      if (edge == block.exit) target.push_back(value.clone());
      if (edge == block.entry && drop_ > 0) float_x.push_back(value.clone());
    });
    int64_t images = 0;
    for (size_t batch = 0; batch < walk.batches() && images < most; ++batch) {
      cancel_.check();
      const torch::Tensor pixels = nn::to_torch(images_[batch]).permute({0, 3, 1, 2});
      if (weighs_) {
        weight.push_back(squared_gradients(module, block.exit, pixels, settings_.seed, images));
      } else {
        module.forward(pixels);
      }
      x.push_back(walk.input(first_layer, batch));
      images += x.back().size(0);
    }
    BlockSamples samples{torch::cat(x), drop_ > 0 ? torch::cat(float_x) : torch::Tensor(), torch::cat(target)};
    if (weighs_) samples.weight = over_mean(torch::cat(weight));
    return samples;
  }

  void learn_together(const LayerWalk& walk, const Block& block) {
    const std::string name = fmt::format("{} to {}", out_.graph.nodes[block.layers.front()].name,
                                         out_.graph.nodes[block.layers.back()].name);
    RoundedBlock rounded;
    try {
      rounded = learn_block(out_.graph, block, samples_of(walk, block), block_settings_, drop_, cancel_);
    } catch (const Error& error) {
      throw Error(error.kind(), fmt::format("{} (layers {})", error.what(), name));
    }
    double weights = 0;
    for (size_t k = 0; k < block.layers.size(); ++k) {
      const graph::Node& node = out_.graph.nodes[block.layers[k]];
      graph::Weight& weight = *out_.graph.weight(node, "weight");
      weight.value = nn::to_host((rounded.steps[k] * step_sizes(weight)).contiguous());
      weights += static_cast<double>(weight.value.size());
    }
    out_.layers += static_cast<int64_t>(block.layers.size());
    out_.in_blocks += static_cast<int64_t>(block.layers.size());
    ++out_.blocks;
    tell(name, rounded.error, rounded.nearest_error, rounded.flipped, weights);
  }

  Adarounded out_;
  const graph::Graph& twin_;
  const std::vector<Tensor>& images_;
  const LogSink& log_;
  const CancelToken& cancel_;
  RoundingSettings settings_, block_settings_;
  double drop_ = 0;
  bool weighs_ = false;
  std::map<std::string, Looked> looked_;
  std::map<std::string, Block> blocks_;  ///< by the name of the first layer
  std::set<std::string> in_blocks_;      ///< layers
  int64_t units_ = 0;                    ///< layers alone and blocks
  double log_error_ = 0, flipped_ = 0, weights_ = 0;
};

}  // namespace

Adarounded adaround(const graph::Graph& quantized, const graph::Graph& twin, const std::vector<Tensor>& images,
                    const Json& settings, const LogSink& log, const CancelToken& cancel) {
  return AdaRound(quantized, twin, images, settings, log, cancel).run();
}

}  // namespace quench::quant
