#include "nn/fake_quant.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "graph/dynamic_range.h"
#include "graph/levels.h"
#include "graph/weight_groups.h"
#include "nn/along_axis.h"
#include "nn/flat_layout.h"
#include "nn/group_factor_tensor.h"

namespace quench::nn {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

double lsq_gradient_scale(const Tensor& x, const QuantGrid& grid) {
  const double values = x.dim() > 0 ? static_cast<double>(x.numel()) / std::max<int64_t>(x.size(0), 1) : 1.0;
  return 1.0 / std::sqrt(std::max(values, 1.0) * static_cast<double>(std::max<int64_t>(grid.q_max, 1)));
}

/// Dense in some order of dimensions, so that a flat pass visits every value once.
bool on_cpu_kernel(const Tensor& x) {
  return x.is_cpu() && x.scalar_type() == torch::kFloat && x.is_non_overlapping_and_dense();
}

class FakeQuantizeTensor : public torch::autograd::Function<FakeQuantizeTensor> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& scale, QuantGrid grid) {
    context->save_for_backward({x, scale});
    context->saved_data["zero_point"] = grid.zero_point;
    context->saved_data["q_min"] = grid.q_min;
    context->saved_data["q_max"] = grid.q_max;
    if (on_cpu_kernel(x)) {
      Tensor y = at::empty_like(x);
      kernels::fake_quant_forward(x.data_ptr<float>(), y.data_ptr<float>(), x.numel(), scale.item<float>(),
                                  grid.q_min - grid.zero_point, grid.q_max - grid.zero_point, flat_layout());
      return y;
    }
    const Tensor wide = x.to(torch::kFloat);
    const double low = static_cast<double>(grid.q_min - grid.zero_point);
    const double high = static_cast<double>(grid.q_max - grid.zero_point);
    return wide.div(scale).round_().clamp_(low, high).mul_(scale).to(x.scalar_type());
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor& x = saved[0];
    const Tensor& scale = saved[1];
    const QuantGrid grid{context->saved_data["zero_point"].toInt(), context->saved_data["q_min"].toInt(),
                         context->saved_data["q_max"].toInt()};
    const double low = static_cast<double>(grid.q_min - grid.zero_point);
    const double high = static_cast<double>(grid.q_max - grid.zero_point);
    const bool want_scale = context->needs_input_grad(1);
    if (on_cpu_kernel(x)) {
      Tensor dx = at::empty_like(x);
      const Tensor dy = gradients[0].strides() == x.strides() ? gradients[0] : at::empty_like(x).copy_(gradients[0]);
      const double slope = kernels::fake_quant_backward(x.data_ptr<float>(), dy.data_ptr<float>(), dx.data_ptr<float>(),
                                                        x.numel(), scale.item<float>(), grid.q_min - grid.zero_point,
                                                        grid.q_max - grid.zero_point, want_scale, flat_layout());
      Tensor scale_gradient;
      if (want_scale) scale_gradient = at::full_like(scale, slope * lsq_gradient_scale(x, grid));
      return {dx, scale_gradient, Tensor()};
    }
    const Tensor v = x.to(torch::kFloat).div(scale);
    const Tensor inside = v.ge(low).logical_and_(v.le(high));
    Tensor scale_gradient;
    if (want_scale) {
      const Tensor slope = torch::where(inside, v.round() - v, v.clamp(low, high));
      scale_gradient = slope.mul_(gradients[0]).sum(torch::kDouble).mul_(lsq_gradient_scale(x, grid));
      scale_gradient = scale_gradient.to(torch::kFloat).reshape(scale.sizes());
    }
    return {gradients[0] * inside, scale_gradient, Tensor()};
  }
};

/// Same values as given, gradient passes where `inside`.
class StraightThrough : public torch::autograd::Function<StraightThrough> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& value, const Tensor& inside) {
    (void)x;
    context->save_for_backward({inside});
    return value.clone();
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    return {gradients[0] * context->get_saved_variables()[0], Tensor(), Tensor()};
  }
};

/// Same values as given, gradient passes unchanged. (LibTorch 1.13 takes no undefined tensor as an argument, so an
/// empty mask will not do.)
class PassThrough : public torch::autograd::Function<PassThrough> {
 public:
  static Tensor forward(AutogradContext*, const Tensor& x, const Tensor& value) {
    (void)x;
    return value.clone();
  }
  static variable_list backward(AutogradContext*, variable_list gradients) { return {gradients[0], Tensor()}; }
};

Tensor scale_tensor(const graph::QuantParams& params, const Tensor& like) {
  return along_axis(torch::tensor(params.scale).to(like.device()), params.axis, like.dim());
}

Tensor zero_point_tensor(const graph::QuantParams& params, const Tensor& like) {
  return along_axis(torch::tensor(params.zero_point).to(torch::kFloat).to(like.device()), params.axis, like.dim());
}

Tensor within_levels(const Tensor& steps, const graph::QuantParams& params) {
  return steps.ge(params.levels.front()).logical_and_(steps.le(params.levels.back()));
}

/// On the grid of `scale` (as along_axis() gives it) and the parameters' zero points, straight through.
Tensor fake_quantize_along(const Tensor& x, const Tensor& scale, const graph::QuantParams& params, bool covered) {
  Tensor value, inside;
  {
    torch::NoGradGuard no_grad;
    if (!params.levels.empty()) {
      const Tensor v = x.to(torch::kFloat).div(scale);
      if (!covered) inside = within_levels(v, params);
      value = rounded_steps(v, params).mul_(scale).to(x.scalar_type());
    } else if (params.group_size > 0) {
      const Tensor factors = group_factor_tensor(params, x);
      const Tensor codes = x.to(torch::kFloat).div(scale).div_(factors).round_();
      const auto most = static_cast<double>(graph::largest_code(params.bits));
      if (!covered) inside = codes.abs().le(most);
      value = codes.clamp(-most, most).mul_(factors).mul_(scale).to(x.scalar_type());
    } else {
      const Tensor zero = zero_point_tensor(params, x);
      const Tensor q = x.to(torch::kFloat).div(scale).round_().add_(zero);
      if (!covered) inside = q.ge(params.q_min()).logical_and_(q.le(params.q_max()));
      value = q.clamp(params.q_min(), params.q_max()).sub_(zero).mul_(scale).to(x.scalar_type());
    }
  }
  return covered ? PassThrough::apply(x, value) : StraightThrough::apply(x, value, inside);
}

/// One image's values on the grid of their own range, into `to`. flat: the values of both lie one behind another.
void round_by_own_range(const Tensor& x, bool flat, Tensor to) {
  const auto [least, most] = at::aminmax(x);
  const auto low = least.item<float>(), high = most.item<float>();
  if (!std::isfinite(high - low)) {
    fail(ErrorKind::data,
         "[nn.fake_quant] expected finite values where a range is found as the model runs, got others");
  }
  const graph::DynamicRange range = graph::dynamic_range(low, high);
  const float first = -static_cast<float>(range.zero_point), last = 255 + first;
  if (flat) {
    kernels::fake_quant_forward(x.data_ptr<float>(), to.data_ptr<float>(), x.numel(), range.scale, first, last,
                                flat_layout());
  } else {
    to.copy_(x.div(range.scale).round_().clamp_(first, last).mul_(range.scale));
  }
}

}  // namespace

Tensor fake_quantize_dynamic(const Tensor& x) {
  Tensor value;
  {
    torch::NoGradGuard no_grad;
    const Tensor wide = x.to(torch::kFloat);
    value = at::empty_like(wide);
    const int64_t images = wide.size(0);
    const bool flat = on_cpu_kernel(wide) && (images == 1 || wide.stride(0) * images == wide.numel());
    for (int64_t i = 0; i < images; ++i) round_by_own_range(wide.select(0, i), flat, value.select(0, i));
    value = value.to(x.scalar_type());
  }
  return PassThrough::apply(x, value);
}

Tensor fake_quantize(const Tensor& x, const Tensor& scale, const QuantGrid& grid) {
  return FakeQuantizeTensor::apply(x, scale, grid);
}

Tensor fake_quantize(const Tensor& x, float scale, const QuantGrid& grid) {
  return FakeQuantizeTensor::apply(x, torch::full({}, scale, x.options().dtype(torch::kFloat).requires_grad(false)),
                                   grid);
}

Tensor fake_quantize(const Tensor& x, const graph::QuantParams& params) {
  if (params.dynamic) return fake_quantize_dynamic(x);
  ensure(!params.scale.empty() && params.scale.size() == params.zero_point.size(),
         "[nn.fake_quant] {} scales and {} zero points", params.scale.size(), params.zero_point.size());
  if (params.axis < 0 && params.levels.empty() && params.group_size == 0) {
    return fake_quantize(x, params.scale[0], QuantGrid{params.zero_point[0], params.q_min(), params.q_max()});
  }
  return fake_quantize_along(x, scale_tensor(params, x), params, false);
}

Tensor fake_quantize_weight(const Tensor& weight, const Tensor& scale, const graph::QuantParams& params, bool covered) {
  return fake_quantize_along(weight, along_axis(scale, params.axis, weight.dim()), params, covered);
}

Tensor rounded_steps(const Tensor& steps, const graph::QuantParams& params) {
  torch::NoGradGuard no_grad;
  if (params.group_size > 0) {
    const Tensor factors = group_factor_tensor(params, steps);
    const auto most = static_cast<double>(graph::largest_code(params.bits));
    return steps.div(factors).round_().clamp_(-most, most).mul_(factors);
  }
  if (params.levels.empty()) return steps.round().clamp_(params.q_min(), params.q_max());
  const std::vector<float> values(params.levels.begin(), params.levels.end());
  const Tensor boundaries = torch::tensor(graph::level_boundaries(params.levels)).to(steps.device());
  const Tensor codes = at::bucketize(steps.contiguous(), boundaries);
  return torch::tensor(values).to(steps.device()).index_select(0, codes.flatten()).view(codes.sizes());
}

Tensor dequantize(const Tensor& q, const graph::QuantParams& params) {
  torch::NoGradGuard no_grad;
  const Tensor wide = q.to(torch::kDouble).sub_(zero_point_tensor(params, q));
  return wide.mul_(scale_tensor(params, q)).to(torch::kFloat);
}

}  // namespace quench::nn
