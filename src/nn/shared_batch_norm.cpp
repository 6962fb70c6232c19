#include "nn/shared_batch_norm.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "core/error.h"

namespace quench::nn {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Holder : torch::CustomClassHolder {
  explicit Holder(WholeBatchPtr given) : whole(std::move(given)) {}
  WholeBatchPtr whole;
};

/// The dimensions but the channels'.
std::vector<int64_t> reduced_of(const Tensor& x) {
  std::vector<int64_t> dims;
  for (int64_t d = 0; d < x.dim(); ++d) {
    if (d != 1) dims.push_back(d);
  }
  return dims;
}

/// [C] as it broadcasts along x.
Tensor along_channels(const Tensor& values, const Tensor& x) {
  std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
  shape[1] = values.numel();
  return values.view(shape);
}

class SharedBatchNorm : public torch::autograd::Function<SharedBatchNorm> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight, const Tensor& bias,
                        const BatchNormTensors& tensors, double momentum, double epsilon, const WholeBatchPtr& whole) {
    const std::vector<int64_t> dims = reduced_of(x);
    const Tensor wide = x.to(at::kDouble);
    const int64_t channels = x.size(1);
    // One sum: values a channel, their sums and the sums of their squares.
    const Tensor sums = at::cat({at::full({1}, static_cast<double>(x.numel() / channels), wide.options()),
                                 wide.sum(dims), wide.square().sum(dims)});
    whole->sum(sums);
    const auto count = sums[0].item<double>();
    if (count < 2) {
      fail(ErrorKind::data, "[nn.batch_norm] expected at least 2 values a channel to train batch norm, got {}", count);
    }
    const Tensor mean = sums.slice(0, 1, 1 + channels) / count;
    const Tensor variance = (sums.slice(0, 1 + channels) / count - mean.square()).clamp_min_(0);
    const at::ScalarType type = tensors.running_mean.scalar_type();
    tensors.running_mean.mul_(1 - momentum).add_(mean.to(type), momentum);
    tensors.running_var.mul_(1 - momentum).add_((variance * (count / (count - 1))).to(type), momentum);
    const Tensor inverse = (variance + epsilon).rsqrt().to(at::kFloat);
    const Tensor normal = (x.to(at::kFloat) - along_channels(mean.to(at::kFloat), x)) * along_channels(inverse, x);
    context->save_for_backward({normal, weight, inverse});
    context->saved_data["count"] = count;
    context->saved_data["type"] = static_cast<int64_t>(x.scalar_type());
    context->saved_data["whole"] = kept(whole);
    return (normal * along_channels(weight, x) + along_channels(bias, x)).to(x.scalar_type());
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &normal = saved[0], &weight = saved[1], &inverse = saved[2];
    const Tensor dy = gradients[0].to(at::kFloat);
    const std::vector<int64_t> dims = reduced_of(normal);
    const Tensor of_bias = dy.sum(dims), of_weight = (dy * normal).sum(dims);
    const Tensor sums = at::cat({of_bias, of_weight});
    taken(context->saved_data["whole"])->sum(sums);
    const double share = 1 / context->saved_data["count"].toDouble();
    const int64_t channels = of_bias.numel();
    const Tensor shifted = dy - along_channels(sums.slice(0, 0, channels) * share, normal) -
                           normal * along_channels(sums.slice(0, channels) * share, normal);
    const Tensor dx = shifted * along_channels(weight * inverse, normal);
    return {dx.to(static_cast<at::ScalarType>(context->saved_data["type"].toInt())),
            of_weight,
            of_bias,
            Tensor(),
            Tensor(),
            Tensor(),
            Tensor()};
  }
};

}  // namespace

c10::IValue kept(const WholeBatchPtr& whole) { return c10::IValue::make_capsule(c10::make_intrusive<Holder>(whole)); }

WholeBatchPtr taken(const c10::IValue& value) { return static_cast<Holder&>(*value.toCapsule()).whole; }

int64_t whole_moments(const WholeBatch& whole, int64_t rows, std::vector<double>& mean, std::vector<double>& variance) {
  const size_t channels = mean.size();
  const Tensor sums = at::empty({static_cast<int64_t>(1 + 2 * channels)}, at::kDouble);
  double* sum = sums.data_ptr<double>();
  sum[0] = static_cast<double>(rows);
  for (size_t c = 0; c < channels; ++c) {
    sum[1 + c] = sum[0] * mean[c];
    sum[1 + channels + c] = sum[0] * (variance[c] + mean[c] * mean[c]);
  }
  whole.sum(sums);
  for (size_t c = 0; c < channels; ++c) {
    mean[c] = sum[1 + c] / sum[0];
    variance[c] = std::max(0.0, sum[1 + channels + c] / sum[0] - mean[c] * mean[c]);
  }
  return static_cast<int64_t>(sum[0]);
}

Tensor shared_batch_norm(const Tensor& x, const BatchNormTensors& tensors, double momentum, double epsilon,
                         const WholeBatchPtr& whole) {
  return SharedBatchNorm::apply(x, tensors.weight, tensors.bias, tensors, momentum, epsilon, whole);
}

}  // namespace quench::nn
