#include "nn/weight_quantizer.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>

#include "core/rng.h"
#include "graph/weight_groups.h"
#include "nn/along_axis.h"
#include "nn/fake_quant.h"
#include "nn/group_factor_tensor.h"
#include "nn/shared_batch_norm.h"

namespace quench::nn {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr double kTiny = 0x1p-100;  // a divisor in place of 0

/// Sums to the shape of the scale: [1], or [C] along the first axis.
Tensor sum_to_scale(const Tensor& values, const Tensor& scale) {
  if (scale.numel() == 1) return values.sum().reshape(scale.sizes());
  return values.flatten(1).sum(1).reshape(scale.sizes());
}

/// v rounded up with the probability of its fraction.
Tensor rounded_by_chance(const Tensor& v, const WeightRounding& rounding, uint64_t place) {
  Rng rng(rounding.seed, "stochastic_rounding", static_cast<uint64_t>(rounding.step), place);
  const at::Generator generator = at::detail::createCPUGenerator(rng.next());
  const Tensor noise = at::rand(v.sizes(), generator, at::TensorOptions(at::kFloat));
  return v.add(noise.to(v.device())).floor_();
}

class QuantizeWeight : public torch::autograd::Function<QuantizeWeight> {
 public:
  /// rounded: the integers, or codes, before they are clamped to [low, high]; broad: the scale along the weight;
  /// factors of groups, along it too, where it has some.
  static Tensor forward(AutogradContext* context, const Tensor& weight, const Tensor& scale, const Tensor& broad,
                        const Tensor& rounded, const Tensor& factors, bool grouped, double low, double high,
                        bool covered, const WeightRounding& rounding) {
    context->save_for_backward({weight, scale, broad, rounded, factors});
    context->saved_data["grouped"] = grouped;
    context->saved_data["low"] = low;
    context->saved_data["high"] = high;
    context->saved_data["covered"] = covered;
    context->saved_data["delta"] = rounding.ewgs_delta;
    context->saved_data["whole"] = kept(rounding.ewgs_delta != 0 ? rounding.whole_batch : nullptr);
    Tensor integers = rounded.clamp(low, high);
    if (grouped) integers.mul_(factors);
    return integers.mul_(broad).to(weight.scalar_type());
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &weight = saved[0], &scale = saved[1], &broad = saved[2], &rounded = saved[3], &factors = saved[4];
    const bool grouped = context->saved_data["grouped"].toBool();
    const double low = context->saved_data["low"].toDouble(), high = context->saved_data["high"].toDouble();
    const double delta = context->saved_data["delta"].toDouble();
    Tensor dy = gradients[0].to(torch::kFloat);
    if (const WholeBatchPtr whole = taken(context->saved_data["whole"])) {
      // All processes have the sum from here on; each gives its part of what comes of it.
      dy = dy.clone(at::MemoryFormat::Contiguous);
      whole->sum(dy);
      dy.div_(whole->processes);
    }
    Tensor v = weight.to(torch::kFloat).div(broad);
    if (grouped) v.div_(factors);
    const bool covered = context->saved_data["covered"].toBool();
    Tensor slope = at::ones_like(v);
    if (delta != 0) slope.add_(dy.sign().mul_(v - rounded), delta);
    const Tensor inside = covered ? at::ones_like(v, torch::kBool) : v.ge(low).logical_and_(v.le(high));
    Tensor of_scale;
    if (context->needs_input_grad(1)) {
      Tensor of_each = torch::where(inside, rounded - v * slope, v.clamp(low, high));
      if (grouped) of_each.mul_(factors);
      const double count = static_cast<double>(weight.numel()) / static_cast<double>(scale.numel());
      of_scale = sum_to_scale(of_each.mul_(dy), scale).div_(std::sqrt(count * std::max(-low, high)));
    }
    const Tensor of_weight = (dy * slope).mul_(inside).to(weight.scalar_type());
    return {of_weight, of_scale, Tensor(), Tensor(), Tensor(), Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

Tensor quantize_weight(const Tensor& weight, const Tensor& scale, const graph::QuantParams& params, bool covered,
                       const WeightRounding& rounding, uint64_t place) {
  const bool grouped = params.group_size > 0;
  Tensor broad, rounded, factors = at::ones({1});
  {
    torch::NoGradGuard no_grad;
    broad = along_axis(scale.detach(), params.axis, weight.dim());
    Tensor v = weight.to(torch::kFloat).div(broad);
    if (grouped) {
      factors = group_factor_tensor(params, weight);
      v.div_(factors);
    }
    rounded = rounding.stochastic     ? rounded_by_chance(v, rounding, place)
              : params.levels.empty() ? v.round()
                                      : rounded_steps(v, params);
  }
  const auto most = static_cast<double>(graph::largest_code(params));
  const double low = params.levels.empty() ? -most : params.levels.front();
  const double high = params.levels.empty() ? most : params.levels.back();
  return QuantizeWeight::apply(weight, scale, broad, rounded, factors, grouped, low, high, covered, rounding);
}

Tensor largest_sizes(const Tensor& weight, int axis) {
  const Tensor size = weight.abs();
  return axis < 0 ? size.max().reshape({1}) : size.flatten(1).amax(1);
}

Tensor dorefa(const Tensor& latent, const Tensor& largest, int axis) {
  const Tensor bent = latent.tanh();
  const Tensor factor = largest / largest_sizes(bent, axis).clamp_min(kTiny);
  return bent * along_axis(factor, axis, latent.dim());
}

Tensor dorefa_latent(const Tensor& weight, const Tensor& largest, int axis) {
  torch::NoGradGuard no_grad;
  const Tensor factor = largest.clamp_max(1).tanh() / largest.clamp_min(kTiny);
  return (weight * along_axis(factor, axis, weight.dim())).atanh_();
}

}  // namespace quench::nn
