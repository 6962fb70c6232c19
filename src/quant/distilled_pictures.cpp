#include "quant/distilled_pictures.h"

#include <ATen/ATen.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"
#include "core/rng.h"
#include "graph/image_side.h"
#include "graph/quantized.h"
#include "nn/graph_module.h"
#include "quant/adam.h"
#include "quant/image_batches.h"

namespace quench::quant {
namespace {

constexpr double kDeviation = 0.25;  ///< of pixels at the start

/// What a batch norm reads, and its statistics.
struct Statistics {
  graph::EdgeId edge = -1;
  torch::Tensor mean, deviation;  ///< [C]
};

std::vector<Statistics> statistics_of(const graph::Graph& model) {
  std::vector<Statistics> out;
  for (const graph::Node& node : model.nodes) {
    if (node.op != graph::Op::batch_norm) continue;
    const double epsilon = node.as<graph::BatchNormAttributes>().epsilon;
    out.push_back({node.inputs.at(0), nn::to_torch(model.required_weight(node, "running_mean").value),
                   (nn::to_torch(model.required_weight(node, "running_var").value) + epsilon).sqrt()});
  }
  return out;
}

torch::Tensor start_of(int64_t count, int side, uint64_t seed, int64_t batch) {
  torch::Tensor x = torch::empty({count, 3, side, side});
  Rng rng(seed, "distilled-pictures", static_cast<uint64_t>(batch));
  float* values = x.data_ptr<float>();
  for (int64_t i = 0; i < x.numel(); ++i) {
    values[i] = static_cast<float>(std::clamp(0.5 + kDeviation * rng.normal(), 0.0, 1.0));
  }
  return x.contiguous(torch::MemoryFormat::ChannelsLast);
}

torch::Tensor away(const std::vector<torch::Tensor>& values, size_t first, const std::vector<Statistics>& wanted) {
  torch::Tensor sum = torch::zeros({});
  for (size_t i = 0; i < wanted.size(); ++i) {
    const torch::Tensor& value = values.at(first + i);
    const std::vector<int64_t> over = value.dim() == 4 ? std::vector<int64_t>{0, 2, 3} : std::vector<int64_t>{0};
    const torch::Tensor mean = value.mean(over), deviation = (value.var(over, false) + 1e-12).sqrt();
    sum = sum + ((mean - wanted[i].mean) / wanted[i].deviation).square().mean() +
          (deviation / wanted[i].deviation - 1).square().mean();
  }
  return sum;
}

}  // namespace

DistilledPictures distill_pictures(const graph::Graph& float_model, const DistillPictures& settings, const LogSink& log,
                                   const CancelToken& cancel) {
  if (graph::is_quantized(float_model)) {
    fail(ErrorKind::config, "[quant.distilled_pictures] expected a float model, got a quantized one");
  }
  const std::vector<Statistics> wanted = statistics_of(float_model);
  if (wanted.empty()) {
    fail(ErrorKind::config,
         "[quant.distilled_pictures] expected a model with batch norms, whose statistics pictures are made from, got "
         "one "
         "without: where they were folded, take fractal or leaves");
  }
  std::vector<graph::EdgeId> edges;
  for (const Statistics& one : wanted) edges.push_back(one.edge);
  const int side = graph::image_side(float_model);
  const int64_t each = std::min<int64_t>(settings.count, std::max<int64_t>(4, images_a_pass(side) / 2));
  nn::GraphModule module(float_model);
  for (const auto& [name, parameter] : module.parameters()) {
    torch::Tensor leaf = parameter;
    leaf.set_requires_grad(false);
  }
  DistilledPictures out;
  out.side = side;
  int64_t batches = 0;
  for (int64_t first = 0; first < settings.count; first += each, ++batches) {
    torch::Tensor x = start_of(std::min(each, settings.count - first), side, settings.seed, batches);
    Adam adam(x);
    for (int64_t step = 0; step <= settings.steps; ++step) {
      cancel.check();
      x.set_requires_grad(true);
      const std::vector<torch::Tensor> values = module.forward(x, edges);
      const torch::Tensor loss = away(values, float_model.outputs.size(), wanted);
      const double now = loss.item<double>();
      if (!std::isfinite(now)) {
        fail(ErrorKind::data, "[quant.distilled_pictures] expected a finite loss, got {} (step {})", now, step);
      }
      if (step == 0) out.loss_before += now;
      if (step == settings.steps) {
        out.loss_after += now;
        break;
      }
      loss.backward();
      const torch::Tensor gradient = x.grad();
      const torch::NoGradGuard no_gradient;
      x = x.detach();
      const double progress = static_cast<double>(step) / static_cast<double>(settings.steps);
      adam.step(x, gradient, settings.lr * kDeviation * (1 + std::cos(std::numbers::pi * progress)) / 2);
      x.clamp_(0, 1);
      log.show_progress(fmt::format("distilled pictures: {} of {}, step {} of {}, loss {:.3f}", first, settings.count,
                                    step, settings.steps, now));
    }
    const torch::Tensor bytes = x.detach().mul(255).round_().to(torch::kByte).permute({0, 2, 3, 1}).contiguous();
    out.pixels.insert(out.pixels.end(), bytes.data_ptr<uint8_t>(), bytes.data_ptr<uint8_t>() + bytes.numel());
  }
  out.loss_before /= static_cast<double>(batches);
  out.loss_after /= static_cast<double>(batches);
  return out;
}

}  // namespace quench::quant
