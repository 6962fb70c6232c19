#include "quant/block_rounding.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/error.h"
#include "core/rng.h"
#include "graph/weight_groups.h"
#include "nn/execute.h"
#include "nn/fake_quant.h"
#include "nn/graph_module.h"
#include "quant/adam.h"

namespace quench::quant {
namespace {

/// One layer's weights, which are learned.
struct LearnedLayer {
  RoundingLayer layer;  ///< weight and scale in the weight's shape; the rest of it is not used
  torch::Tensor floor, moves;

  torch::Tensor nearest() const { return layer.weight.div(layer.scale).round_().clamp_(layer.q_min, layer.q_max); }
  /// Differentiable by h, in [0,1].
  torch::Tensor weights(const torch::Tensor& h) const {
    return (floor + h * moves).clamp(layer.q_min, layer.q_max) * layer.scale;
  }
};

LearnedLayer learned_layer(const graph::Graph& graph, const graph::Node& node) {
  const graph::Weight& weight = graph.required_weight(node, "weight");
  ensure(weight.value.dtype() == DType::f32, "[quant.block_rounding] expected float weights (node {})", node.name);
  LearnedLayer out;
  out.layer.weight = nn::to_torch(weight.value).contiguous();
  out.layer.scale = step_sizes(weight);
  out.layer.q_max = graph::largest_code(*weight.quant);
  out.layer.q_min = weight.quant->group_size > 0 ? -out.layer.q_max : weight.quant->q_min();
  out.floor = out.layer.weight.div(out.layer.scale).floor_();
  out.moves = out.layer.weight.ne(0).to(torch::kFloat);
  return out;
}

/// Runs a block with weights that are given.
class BlockRun {
 public:
  BlockRun(const graph::Graph& graph, const Block& block) : graph_(graph), block_(block) {
    for (size_t i = block.first; i <= block.last; ++i) tensors_[i] = nn::load_node(graph, graph.nodes[i], {});
    for (const size_t i : block.layers) {
      tensors_[i].weight.simulate.reset();
      layers_.push_back(learned_layer(graph, graph.nodes[i]));
    }
  }

  const std::vector<LearnedLayer>& layers() const { return layers_; }

  /// At the exit, before that is rounded. drop, from: of values inside.
  torch::Tensor run(const torch::Tensor& x, const std::vector<torch::Tensor>& weights, double drop = 0,
                    const at::Generator* from = nullptr) {
    for (size_t k = 0; k < weights.size(); ++k) tensors_[block_.layers[k]].weight.tensor = weights[k];
    std::map<graph::EdgeId, torch::Tensor> values{{block_.entry, x}};
    for (size_t i = block_.first; i <= block_.last; ++i) {
      const graph::Node& node = graph_.nodes[i];
      std::vector<torch::Tensor> inputs;
      for (const graph::EdgeId edge : node.inputs) inputs.push_back(values.at(edge));
      const std::vector<torch::Tensor> made = nn::execute(node, tensors_.at(i), inputs, {});
      for (size_t k = 0; k < made.size(); ++k) {
        const graph::EdgeId edge = node.outputs[k];
        values[edge] = edge == block_.exit ? made[k] : rounded(made[k], edge, drop, from);
      }
    }
    return values.at(block_.exit);
  }

 private:
  torch::Tensor rounded(const torch::Tensor& value, graph::EdgeId edge, double drop, const at::Generator* from) const {
    const auto& quant = graph_.edge(edge).quant;
    if (!quant) return value;
    const torch::Tensor steps = nn::fake_quantize(value, *quant);
    if (drop <= 0) return steps;
    return at::where(at::rand(value.sizes(), *from, value.options()).lt(drop), value, steps);
  }

  const graph::Graph& graph_;
  const Block& block_;
  std::map<size_t, nn::NodeTensors> tensors_;
  std::vector<LearnedLayer> layers_;
};

/// Sum over channels, mean over images and places. weight: undefined, or of the target's shape.
torch::Tensor squared_error(const torch::Tensor& y, const torch::Tensor& target, const torch::Tensor& weight) {
  const torch::Tensor error = (y - target).square();
  return (weight.defined() ? error * weight : error).sum(1).mean();
}

/// Images [first, first + count) of what may be undefined.
torch::Tensor part_of(const torch::Tensor& values, int64_t first, int64_t count) {
  return values.defined() ? values.narrow(0, first, count) : values;
}

double error_of(BlockRun& run, const BlockSamples& samples, const std::vector<torch::Tensor>& steps) {
  constexpr int64_t kPart = 32;
  const torch::NoGradGuard no_gradient;
  std::vector<torch::Tensor> weights;
  for (size_t k = 0; k < steps.size(); ++k) weights.push_back(steps[k] * run.layers()[k].layer.scale);
  double sum = 0;
  const int64_t images = samples.x.size(0);
  for (int64_t i = 0; i < images; i += kPart) {
    const int64_t n = std::min(kPart, images - i);
    const torch::Tensor y = run.run(samples.x.narrow(0, i, n), weights);
    sum += squared_error(y, samples.target.narrow(0, i, n), part_of(samples.weight, i, n)).item<double>() *
           static_cast<double>(n);
  }
  return sum / static_cast<double>(images);
}

std::vector<torch::Tensor> nearest_of(const BlockRun& run) {
  std::vector<torch::Tensor> out;
  for (const LearnedLayer& one : run.layers()) out.push_back(one.nearest());
  return out;
}

class BlockLearning {
 public:
  BlockLearning(const graph::Graph& graph, const Block& block, const BlockSamples& samples,
                const RoundingSettings& settings, double drop, const CancelToken& cancel)
      : run_(graph, block),
        samples_(samples),
        settings_(settings),
        drop_(drop),
        cancel_(cancel),
        generator_(at::make_generator<at::CPUGeneratorImpl>(settings.seed)) {}

  RoundedBlock learn() {
    const torch::NoGradGuard no_gradient;
    const std::vector<torch::Tensor> plain = nearest_of(run_);
    RoundedBlock out;
    out.nearest_error = error_of(run_, samples_, plain);
    std::vector<Adam> adams;
    double weights = 0;
    for (const LearnedLayer& one : run_.layers()) {
      variables_.push_back(initial_variables(one.layer));
      adams.emplace_back(variables_.back());
      weights += static_cast<double>(one.layer.weight.numel());
    }
    lambda_ = settings_.regularization * out.nearest_error / weights;
    Rng rng(settings_.seed, "adaround-block");
    for (int64_t i = 0; i < settings_.iterations; ++i) {
      cancel_.check();
      const std::vector<torch::Tensor> gradients = gradients_at(i, rng);
      for (size_t k = 0; k < gradients.size(); ++k) adams[k].step(variables_[k], gradients[k], settings_.lr);
    }
    double flipped = 0;
    for (size_t k = 0; k < variables_.size(); ++k) {
      const LearnedLayer& one = run_.layers()[k];
      out.steps.push_back((one.floor + variables_[k].ge(0) * one.moves).clamp_(one.layer.q_min, one.layer.q_max));
    }
    out.error = error_of(run_, samples_, out.steps);
    if (!(out.error < out.nearest_error)) {
      out.steps = plain;
      out.error = out.nearest_error;
    }
    for (size_t k = 0; k < plain.size(); ++k) flipped += out.steps[k].ne(plain[k]).sum().item<double>();
    out.flipped = flipped / weights;
    return out;
  }

 private:
  std::vector<torch::Tensor> gradients_at(int64_t iteration, Rng& rng) {
    const int64_t images = samples_.x.size(0), batch = std::min(settings_.batch, images);
    torch::Tensor x = samples_.x, target = samples_.target, float_x = samples_.float_x, weight = samples_.weight;
    if (batch < images) {
      const torch::Tensor chosen = torch::empty({batch}, torch::kLong);
      for (int64_t k = 0; k < batch; ++k) {
        chosen.data_ptr<int64_t>()[k] = static_cast<int64_t>(rng.below(static_cast<uint64_t>(images)));
      }
      x = x.index_select(0, chosen);
      target = target.index_select(0, chosen);
      if (weight.defined()) weight = weight.index_select(0, chosen);
      if (drop_ > 0) float_x = float_x.index_select(0, chosen);
    }
    if (drop_ > 0) x = at::where(at::rand(x.sizes(), generator_, x.options()).lt(drop_), float_x, x);
    const double all = static_cast<double>(settings_.iterations), warm = settings_.warmup * all;
    const double after = (static_cast<double>(iteration) - warm) / (all - warm);
    const torch::AutoGradMode with_gradient(true);
    std::vector<torch::Tensor> leaves, weights;
    torch::Tensor regularization = torch::zeros({});
    for (size_t k = 0; k < variables_.size(); ++k) {
      const LearnedLayer& one = run_.layers()[k];
      leaves.push_back(variables_[k].detach().requires_grad_(true));
      const torch::Tensor h = rectified_sigmoid(leaves.back());
      weights.push_back(one.weights(h));
      if (after < 0) continue;
      const torch::Tensor term = (1 - (2 * h - 1).abs().pow(rounding_beta(settings_, after))) * one.moves;
      regularization = regularization + term.sum();
    }
    const torch::Tensor loss =
        squared_error(run_.run(x, weights, drop_, &generator_), target, weight) + lambda_ * regularization;
    if (const double value = loss.item<double>(); !std::isfinite(value)) {
      fail(ErrorKind::data, "[quant.block_rounding] expected a finite loss, got {}", value);
    }
    return torch::autograd::grad({loss}, leaves);
  }

  BlockRun run_;
  const BlockSamples& samples_;
  const RoundingSettings& settings_;
  double drop_;
  const CancelToken& cancel_;
  at::Generator generator_;
  std::vector<torch::Tensor> variables_;  ///< of the layers
  double lambda_ = 0;
};

}  // namespace

double block_error(const graph::Graph& graph, const Block& block, const BlockSamples& samples,
                   const std::vector<torch::Tensor>& steps) {
  BlockRun run(graph, block);
  return error_of(run, samples, steps);
}

std::vector<torch::Tensor> nearest_steps(const graph::Graph& graph, const Block& block) {
  return nearest_of(BlockRun(graph, block));
}

RoundedBlock learn_block(const graph::Graph& graph, const Block& block, const BlockSamples& samples,
                         const RoundingSettings& settings, double drop, const CancelToken& cancel) {
  return BlockLearning(graph, block, samples, settings, drop, cancel).learn();
}

}  // namespace quench::quant
