#include "nn/activation_quantizer.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>

#include "nn/flat_layout.h"

namespace quench::nn {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// The kinds of gradients; all share one forward pass.
enum class RangeKind : int64_t { lsq, lsq_plus, pact };

double step_of(const Tensor& scale) { return static_cast<double>(scale.item<float>()); }

/// s clamp(round(x / s), low, high); by the kernel where it takes x.
Tensor on_grid(const Tensor& x, double scale, double low, double high) {
  if (x.is_cpu() && x.scalar_type() == torch::kFloat && x.is_non_overlapping_and_dense()) {
    Tensor y = at::empty_like(x);
    kernels::fake_quant_forward(x.data_ptr<float>(), y.data_ptr<float>(), x.numel(), static_cast<float>(scale),
                                static_cast<float>(low), static_cast<float>(high), flat_layout());
    return y;
  }
  return x.to(torch::kFloat).div(scale).round_().clamp_(low, high).mul_(scale).to(x.scalar_type());
}

/// first: scale (lsq, lsq_plus) or alpha (pact); second: offset, where there is one.
class RangeQuantizer : public torch::autograd::Function<RangeQuantizer> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& first, const Tensor& second,
                        RangeKind kind, QuantGrid grid, double delta) {
    context->save_for_backward({x, first, second});
    context->saved_data["kind"] = static_cast<int64_t>(kind);
    context->saved_data["zero_point"] = grid.zero_point;
    context->saved_data["q_min"] = grid.q_min;
    context->saved_data["q_max"] = grid.q_max;
    context->saved_data["delta"] = delta;
    const double scale = kind == RangeKind::pact ? step_of(first) / static_cast<double>(grid.q_max) : step_of(first);
    return on_grid(x, scale, static_cast<double>(grid.q_min - grid.zero_point),
                   static_cast<double>(grid.q_max - grid.zero_point));
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor x = saved[0].to(torch::kFloat), dy = gradients[0].to(torch::kFloat);
    const auto kind = static_cast<RangeKind>(context->saved_data["kind"].toInt());
    const double zero = static_cast<double>(context->saved_data["zero_point"].toInt());
    const double least = static_cast<double>(context->saved_data["q_min"].toInt());
    const double most = static_cast<double>(context->saved_data["q_max"].toInt());
    const double delta = context->saved_data["delta"].toDouble();
    const double scale = step_of(saved[1]) / (kind == RangeKind::pact ? most : 1);
    const Tensor v = x.div(scale), rounded = v.round();
    Tensor slope = at::ones_like(v);
    if (delta != 0) slope.add_(dy.sign().mul_(v - rounded), delta);
    const Tensor above = kind == RangeKind::pact ? v.ge(most) : v.gt(most - zero);
    const Tensor inside = at::logical_not(at::logical_or(above, v.lt(least - zero)));
    const Tensor of_x = (dy * slope).mul_(inside).to(saved[0].scalar_type());
    const auto total = [](const Tensor& each, const Tensor& like) {
      return each.sum(torch::kDouble).to(torch::kFloat).reshape(like.sizes());
    };
    Tensor of_first, of_second;
    if (kind == RangeKind::pact) {
      of_first = total(dy * above, saved[1]);
    } else {
      // LSQ counts from the zero point, which is fixed; LSQ+ from the least integer, where the offset is.
      const double from = kind == RangeKind::lsq ? 0 : zero - least;
      const Tensor bound = v.clamp(least - zero, most - zero).add_(from);
      const Tensor of_each = torch::where(inside, rounded + from - (v + from) * slope, bound);
      const double values = x.dim() > 0 ? static_cast<double>(x.numel()) / static_cast<double>(x.size(0)) : 1.0;
      const double factor = 1 / std::sqrt(std::max(values, 1.0) * std::max(most, 1.0));
      if (context->needs_input_grad(1)) of_first = total(of_each * dy, saved[1]).mul_(factor);
      if (context->needs_input_grad(2)) {
        of_second = total(torch::where(inside, 1 - slope, at::ones_like(v)) * dy, saved[2]).mul_(factor);
      }
    }
    return {of_x, of_first, of_second, Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

Tensor quantize_lsq(const Tensor& x, const Tensor& scale, const QuantGrid& grid, double ewgs_delta) {
  return RangeQuantizer::apply(x, scale, at::zeros({1}), RangeKind::lsq, grid, ewgs_delta);
}

int64_t zero_point_of(const Tensor& scale, const Tensor& offset, int64_t q_min, int64_t q_max) {
  const double zero = static_cast<double>(q_min) - std::nearbyint(offset.item<float>() / step_of(scale));
  if (!std::isfinite(zero)) return q_min;  // a training that runs away stops by its loss
  return std::clamp(static_cast<int64_t>(std::clamp(zero, -1e6, 1e6)), q_min, q_max);
}

Tensor quantize_lsq_plus(const Tensor& x, const Tensor& scale, const Tensor& offset, int64_t q_min, int64_t q_max,
                         double ewgs_delta) {
  const QuantGrid grid{zero_point_of(scale, offset, q_min, q_max), q_min, q_max};
  return RangeQuantizer::apply(x, scale, offset, RangeKind::lsq_plus, grid, ewgs_delta);
}

Tensor quantize_pact(const Tensor& x, const Tensor& alpha, int64_t q_max, double ewgs_delta) {
  return RangeQuantizer::apply(x, alpha, at::zeros({1}), RangeKind::pact, QuantGrid{0, 0, q_max}, ewgs_delta);
}

}  // namespace quench::nn
