#include "nn/fused.h"

#include <ATen/Parallel.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <iterator>
#include <vector>

#include "core/error.h"
#include "nn/flat_layout.h"
#include "nn/kernels/batch_norm.h"
#include "nn/shared_batch_norm.h"
#include "runtime/native/silu_terms.h"

namespace quench::nn {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

kernels::RowsLayout rows_layout(const Tensor& x) {
  return {x.numel() / x.size(1), x.size(1), at::get_num_threads(), kernels::best_isa()};
}

kernels::NormParameters norm_parameters(const Tensor& mean, const Tensor& inverse, const Tensor& weight,
                                        const Tensor& bias, bool silu) {
  return {mean.data_ptr<float>(), inverse.data_ptr<float>(), weight.data_ptr<float>(), bias.data_ptr<float>(), silu};
}

bool is_dense(const Tensor& x) {
  return x.is_cpu() && x.numel() > 0 &&
         (x.dim() == 4 ? x.is_contiguous(at::MemoryFormat::ChannelsLast) : x.is_contiguous());
}

/// body(Value{}), where Value is what the tensor holds as the kernels name it.
template <typename Body>
void with_values(const Tensor& like, const Body& body) {
  like.scalar_type() == at::kBFloat16 ? body(kernels::Bf16{}) : body(float{});
}

template <typename Value>
Value* values(const Tensor& tensor) {
  return static_cast<Value*>(tensor.data_ptr());
}

class FusedBatchNorm : public torch::autograd::Function<FusedBatchNorm> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight, const Tensor& bias,
                        const BatchNormTensors& tensors, bool training, double momentum, double epsilon, bool silu,
                        const WholeBatchPtr& whole) {
    RECORD_FUNCTION("quench::batch_norm", c10::ArrayRef<const c10::IValue>{});
    const kernels::RowsLayout layout = rows_layout(x);
    Tensor mean, inverse;
    int64_t count = 0;  // values a channel that the statistics are of; 0: they are constants
    if (training) {
      mean = at::empty({layout.channels}, weight.options());
      inverse = at::empty({layout.channels}, weight.options());
      std::vector<double> exact_mean(layout.channels), variance(layout.channels);
      with_values(x, [&]<typename Value>(Value) {
        kernels::channel_moments(values<const Value>(x), layout, exact_mean.data(), variance.data());
      });
      count = whole ? whole_moments(*whole, layout.rows, exact_mean, variance) : layout.rows;
      if (count < 2) {
        fail(ErrorKind::data, "[nn.fused] expected at least 2 values a channel to train batch norm, got {}", count);
      }
      const double unbiased = static_cast<double>(count) / static_cast<double>(count - 1);
      float* running_mean = tensors.running_mean.data_ptr<float>();
      float* running_var = tensors.running_var.data_ptr<float>();
      for (int64_t c = 0; c < layout.channels; ++c) {
        mean.data_ptr<float>()[c] = static_cast<float>(exact_mean[c]);
        inverse.data_ptr<float>()[c] = static_cast<float>(1.0 / std::sqrt(variance[c] + epsilon));
        running_mean[c] = static_cast<float>((1 - momentum) * running_mean[c] + momentum * exact_mean[c]);
        running_var[c] = static_cast<float>((1 - momentum) * running_var[c] + momentum * variance[c] * unbiased);
      }
    } else {
      mean = tensors.running_mean.clone();
      inverse = tensors.running_var.add(epsilon).rsqrt_();
    }
    Tensor y = at::empty_like(x);
    with_values(x, [&]<typename Value>(Value) {
      kernels::norm_forward(values<const Value>(x), values<Value>(y), layout,
                            norm_parameters(mean, inverse, weight, bias, silu));
    });
    context->save_for_backward({x, weight, bias, mean, inverse});
    context->saved_data["count"] = count;
    context->saved_data["silu"] = silu;
    context->saved_data["whole"] = kept(training ? whole : nullptr);
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor& x = saved[0];
    const Tensor dy = gradients[0].to(x.scalar_type()).contiguous(x.suggest_memory_format());
    RECORD_FUNCTION("quench::batch_norm_backward", c10::ArrayRef<const c10::IValue>{});
    const kernels::RowsLayout layout = rows_layout(x);
    const kernels::NormParameters parameters =
        norm_parameters(saved[3], saved[4], saved[1], saved[2], context->saved_data["silu"].toBool());
    const Tensor sums = at::empty({2, layout.channels}, at::kDouble);
    double *sum = sums.data_ptr<double>(), *product = sum + layout.channels;
    Tensor dx = context->needs_input_grad(0) ? at::empty_like(x) : Tensor();
    const Tensor dz = parameters.silu && dx.defined() ? dx : Tensor();
    with_values(x, [&]<typename Value>(Value) {
      kernels::norm_sums(values<const Value>(x), values<const Value>(dy), layout, parameters, sum, product,
                         dz.defined() ? values<Value>(dz) : nullptr);
    });
    Tensor weight_gradient = at::empty_like(saved[1]);
    Tensor bias_gradient = at::empty_like(saved[2]);
    for (int64_t c = 0; c < layout.channels; ++c) {
      bias_gradient.data_ptr<float>()[c] = static_cast<float>(sum[c]);
      weight_gradient.data_ptr<float>()[c] = static_cast<float>(product[c] * parameters.inverse_deviation[c]);
    }
    if (const WholeBatchPtr whole = taken(context->saved_data["whole"])) whole->sum(sums);
    if (dx.defined()) {
      with_values(x, [&]<typename Value>(Value) {
        kernels::norm_backward(values<const Value>(x), values<const Value>(dz.defined() ? dz : dy), layout, parameters,
                               sum, product, context->saved_data["count"].toInt(), values<Value>(dx));
      });
    }
    return {dx, weight_gradient, bias_gradient, Tensor(), Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

class FusedSilu : public torch::autograd::Function<FusedSilu> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x) {
    context->save_for_backward({x});
    Tensor y = at::empty_like(x);
    kernels::silu_forward(x.data_ptr<float>(), y.data_ptr<float>(), x.numel(), flat_layout());
    return y;
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const Tensor x = context->get_saved_variables()[0];
    Tensor dx = at::empty_like(x);
    Tensor dy = gradients[0];
    if (dy.strides() != dx.strides()) dy = at::empty_like(x).copy_(dy);
    kernels::silu_backward(x.data_ptr<float>(), dy.data_ptr<float>(), dx.data_ptr<float>(), x.numel(), flat_layout());
    return {dx};
  }
};

}  // namespace

bool fused_supported(const Tensor& x) { return x.scalar_type() == torch::kFloat && is_dense(x); }

bool fused_norm_supported(const Tensor& x) {
  return (x.scalar_type() == torch::kFloat || x.scalar_type() == torch::kBFloat16) && is_dense(x);
}

Tensor fused_batch_norm(const Tensor& x, const BatchNormTensors& tensors, bool training, double momentum,
                        double epsilon, bool silu, const WholeBatchPtr& whole) {
  return FusedBatchNorm::apply(x, tensors.weight, tensors.bias, tensors, training, momentum, epsilon, silu, whole);
}

Tensor fused_silu(const Tensor& x) { return FusedSilu::apply(x); }

Tensor engine_silu(const Tensor& x) {
  if (fused_supported(x)) {
    Tensor y = at::empty_like(x);
    kernels::engine_silu(x.data_ptr<float>(), y.data_ptr<float>(), x.numel(), flat_layout());
    return y;
  }
  using runtime::native::kSiluTerms;
  // Fused multiply-adds of float32 by way of double, in which the product is exact.
  const auto rounded = [](const Tensor& sum) { return sum.to(at::kFloat).to(at::kDouble); };
  const Tensor wide = x.to(at::kDouble), n = wide.abs().neg_().clamp_min_(runtime::native::kSiluLeast);
  Tensor q = at::full_like(wide, kSiluTerms[std::size(kSiluTerms) - 1]);
  for (size_t i = std::size(kSiluTerms) - 1; i-- > 0;) q = rounded(q.mul_(n).add_(kSiluTerms[i]));
  return q.mul_(n).add_(wide.clamp_min(0)).to(x.scalar_type());
}

Tensor fused_silu_(Tensor x) {
  kernels::silu_forward(x.data_ptr<float>(), x.data_ptr<float>(), x.numel(), flat_layout());
  return x;
}

}  // namespace quench::nn
