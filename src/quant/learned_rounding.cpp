#include "quant/learned_rounding.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"
#include "core/rng.h"
#include "nn/fake_quant.h"
#include "nn/graph_module.h"
#include "nn/group_factor_tensor.h"
#include "quant/activate.h"
#include "quant/adam.h"

namespace quench::quant {
namespace {

constexpr double kZeta = 1.1, kGamma = -0.1;

/// gradient times the activation's slope at y.
torch::Tensor times_slope(torch::Tensor gradient, const torch::Tensor& y, graph::Activation activation) {
  switch (activation) {
    case graph::Activation::none: return gradient;
    case graph::Activation::silu: {
      const torch::Tensor s = at::sigmoid(y);
      return gradient.mul_(s * (1 + y * (1 - s)));
    }
    case graph::Activation::relu: return gradient.mul_(y.gt(0));
  }
  return gradient;
}

/// Where each weight goes when it is rounded down, and how far it is from there up.
struct Neighbours {
  torch::Tensor down;
  torch::Tensor gap;  ///< [G,O,K], 0 where there is no level beyond; or one number where all steps have one size
};

Neighbours neighbours(const RoundingLayer& layer) {
  const torch::Tensor steps = layer.weight.div(layer.scale);
  if (layer.levels.empty()) return {steps.floor(), torch::ones({1})};
  const std::vector<float> values(layer.levels.begin(), layer.levels.end());
  const torch::Tensor levels = torch::tensor(values).to(steps.scalar_type());
  const int64_t last = levels.numel() - 1;
  const torch::Tensor place = at::bucketize(steps, levels, false, true).sub_(1).clamp_(0, last).flatten();
  const torch::Tensor down = levels.index_select(0, place).view(steps.sizes());
  const torch::Tensor up = levels.index_select(0, (place + 1).clamp_max_(last)).view(steps.sizes());
  return {down, (up - down).mul_(steps.ge(layer.levels.front()))};
}

/// Steps as convert() takes them.
torch::Tensor nearest(const RoundingLayer& layer) {
  if (!layer.levels.empty()) {
    graph::QuantParams grid;
    grid.levels = layer.levels;
    return nn::rounded_steps(layer.weight.div(layer.scale), grid);
  }
  return layer.weight.div(layer.scale).round_().clamp_(layer.q_min, layer.q_max);
}

torch::Tensor outputs(const RoundingLayer& layer, const torch::Tensor& x, const torch::Tensor& weight) {
  return at::baddbmm(layer.bias, x, weight.transpose(1, 2));
}

/// The loss's parts with what does not change from one iteration to the next kept.
class Loss {
 public:
  explicit Loss(const RoundingLayer& layer) : layer_(layer) {
    const Neighbours near = neighbours(layer);
    floor_ = near.down;
    gap_ = near.gap;
    // A step up from the largest integer, or from below the least, changes nothing: no gradient passes.
    const torch::Tensor inside = floor_.ge(layer.q_min).logical_and_(floor_.lt(layer.q_max));
    slope_ = inside.to(torch::kFloat).mul_(layer.scale).mul_(gap_).mul_(kZeta - kGamma);
    moving_ = layer.weight.ne(0);
  }
  /// The steps of weights that are rounded up where `up` is 1.
  torch::Tensor rounded(const torch::Tensor& up) const {
    return floor_.add(up * gap_).clamp_(layer_.q_min, layer_.q_max);
  }

  double operator()(const torch::Tensor& x, const torch::Tensor& target, const torch::Tensor& v, double lambda,
                    double beta, torch::Tensor* gradient) const {
    const torch::Tensor s = v.sigmoid();
    const torch::Tensor h = s.mul(kZeta - kGamma).add_(kGamma).clamp_(0, 1);
    const torch::Tensor weight = rounded(h).mul_(layer_.scale);
    const torch::Tensor y = outputs(layer_, x, weight);
    torch::Tensor error = activate(y, layer_.activation).sub(target);
    const auto samples = static_cast<double>(x.size(1));
    double loss = error.square().sum(torch::kDouble).item<double>() / samples;
    torch::Tensor power;  // |2h - 1|^(beta - 1), of weights that move
    if (lambda > 0) {
      power = h.mul(2).sub_(1);
      const torch::Tensor size = power.abs();
      const torch::Tensor less = size.pow(beta - 1);
      loss += lambda * (1 - less * size).mul_(moving_).sum(torch::kDouble).item<double>();
      power = less.mul_(power.sign_());
    }
    if (gradient == nullptr) return loss;
    const torch::Tensor by_y = times_slope(error.mul_(2 / samples), y, layer_.activation);
    torch::Tensor g = at::bmm(by_y.transpose(1, 2), x).mul_(slope_);
    if (lambda > 0) g.sub_(power.mul_(2 * lambda * beta * (kZeta - kGamma)));
    g.mul_(s * (1 - s)).mul_(h.gt(0).logical_and_(h.lt(1))).mul_(moving_);
    *gradient = g;
    return loss;
  }

 private:
  const RoundingLayer& layer_;
  torch::Tensor floor_, gap_, slope_, moving_;
};

/// Of whole steps, over all samples, some at a time.
double error_of(const RoundingLayer& layer, const torch::Tensor& x, const torch::Tensor& target,
                const torch::Tensor& steps) {
  constexpr int64_t kPart = 4096;
  const torch::Tensor weight = steps * layer.scale;
  double sum = 0;
  for (int64_t i = 0; i < x.size(1); i += kPart) {
    const int64_t n = std::min(kPart, x.size(1) - i);
    const torch::Tensor y = activate(outputs(layer, x.narrow(1, i, n), weight), layer.activation);
    sum += (y - target.narrow(1, i, n)).square_().sum(torch::kDouble).item<double>();
  }
  return sum / static_cast<double>(x.size(1));
}

}  // namespace

torch::Tensor step_sizes(const graph::Weight& weight) {
  const graph::QuantParams& quant = *weight.quant;
  std::vector<int64_t> shape(weight.value.shape().size(), 1);
  if (quant.axis >= 0) shape[0] = weight.value.shape()[0];
  const torch::Tensor scale = torch::tensor(quant.scale).view(shape);
  return quant.group_size > 0 ? scale * nn::group_factor_tensor(quant, nn::to_torch(weight.value)) : scale;
}

double rounding_loss(const RoundingLayer& layer, const torch::Tensor& x, const torch::Tensor& target,
                     const torch::Tensor& v, double lambda, double beta, torch::Tensor* gradient) {
  const torch::NoGradGuard no_gradient;
  return Loss(layer)(x, target, v, lambda, beta, gradient);
}

torch::Tensor rectified_sigmoid(const torch::Tensor& v) {
  return (v.sigmoid() * (kZeta - kGamma) + kGamma).clamp(0, 1);
}

double rounding_beta(const RoundingSettings& settings, double share) {
  return settings.beta_end +
         0.5 * (settings.beta_start - settings.beta_end) * (1 + std::cos(std::max(share, 0.0) * std::numbers::pi));
}

torch::Tensor initial_variables(const RoundingLayer& layer) {
  const Neighbours near = neighbours(layer);
  const torch::Tensor h = layer.weight.div(layer.scale).sub_(near.down).div_(near.gap.clamp_min(1)).clamp_(0, 1);
  return h.sub_(kGamma).reciprocal_().mul_(kZeta - kGamma).sub_(1).log_().neg_();
}

Rounded learn_rounding(const RoundingLayer& layer, const torch::Tensor& x, const torch::Tensor& target,
                       const RoundingSettings& settings, const CancelToken& cancel) {
  const torch::NoGradGuard no_gradient;
  const int64_t samples = x.size(1), batch = std::min(settings.batch, samples);
  const Loss loss(layer);
  const torch::Tensor plain = nearest(layer);
  const double nearest_error = error_of(layer, x, target, plain);
  const double lambda = settings.regularization * nearest_error / static_cast<double>(plain.numel());
  torch::Tensor v = initial_variables(layer);
  Adam adam(v);
  Rng rng(settings.seed, "adaround");
  torch::Tensor chosen = torch::empty({batch}, torch::kLong), gradient;
  const double warm = settings.warmup * static_cast<double>(settings.iterations);
  for (int64_t i = 0; i < settings.iterations; ++i) {
    if (i % 16 == 0) cancel.check();
    for (int64_t k = 0; k < batch; ++k) {
      chosen.data_ptr<int64_t>()[k] = static_cast<int64_t>(rng.below(static_cast<uint64_t>(samples)));
    }
    const double after = (static_cast<double>(i) - warm) / (static_cast<double>(settings.iterations) - warm);
    const double beta = rounding_beta(settings, after);
    const bool all = batch == samples;
    const double value = loss(all ? x : x.index_select(1, chosen), all ? target : target.index_select(1, chosen), v,
                              after < 0 ? 0 : lambda, beta, &gradient);
    if (!std::isfinite(value)) {
      fail(ErrorKind::data, "[quant.learned_rounding] expected a finite loss, got {}", value);
    }
    adam.step(v, gradient, settings.lr);
  }
  const torch::Tensor up = v.ge(0).logical_and_(layer.weight.ne(0));  // h(0) = 1/2
  const torch::Tensor learned = loss.rounded(up);
  Rounded out{learned, nearest_error, error_of(layer, x, target, learned), 0};
  if (out.nearest_error <= out.error) {
    out.steps = plain;
    out.error = out.nearest_error;
  }
  out.flipped = out.steps.ne(plain).to(torch::kDouble).mean().item<double>();
  return out;
}

}  // namespace quench::quant
