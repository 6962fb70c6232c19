// Modules that see shares of a batch: their batch norms and quantizers are those of the whole one.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "error_testing.h"
#include "nn/shared_batch_norm.h"
#include "nn/weight_quantizer.h"
#include "whole_batch_testing.h"

namespace quench::nn {
namespace {

using torch::Tensor;

constexpr int64_t kChannels = 5;
constexpr double kMomentum = 0.03, kEpsilon = 1e-3;

struct Made {
  Tensor y, dx, dweight, dbias, mean, var;
};

BatchNormTensors tensors() {
  const auto ramp = [](double from, double to) { return at::linspace(from, to, kChannels, at::kFloat); };
  return {ramp(0.5, 1.5).set_requires_grad(true), ramp(-1, 1).set_requires_grad(true), ramp(0, 1), ramp(1, 2)};
}

using Norm = std::function<Tensor(const Tensor&, const BatchNormTensors&)>;

Made made(const Tensor& pictures, const Tensor& dy, const Norm& norm) {
  const BatchNormTensors t = tensors();
  const Tensor x = pictures.clone().set_requires_grad(true);
  const Tensor y = norm(x, t);
  y.backward(dy);
  return {y.detach(), x.grad(), t.weight.grad(), t.bias.grad(), t.running_mean, t.running_var};
}

/// Of one process, from the batch as a whole.
Made whole_of(const Tensor& x, const Tensor& dy, bool silu) {
  return made(x, dy, [&](const Tensor& value, const BatchNormTensors& t) {
    const Tensor y =
        at::batch_norm(value, t.weight, t.bias, t.running_mean, t.running_var, true, kMomentum, kEpsilon, false);
    return silu ? at::silu(y) : y;
  });
}

void expect_near(const Tensor& got, const Tensor& wanted, const char* what) {
  // Float sums over some hundred values in another order.
  EXPECT_TRUE(at::allclose(got, wanted, 1e-4, 1e-5)) << what << "\n" << (got - wanted).abs().max().item<float>();
}

/// Shares of 3, 1 and 2 images.
void expect_equals_whole(bool fused, bool silu) {
  at::manual_seed(1);
  const auto memory = at::MemoryFormat::ChannelsLast;
  const Tensor x = (at::randn({6, kChannels, 3, 4}) * 2 + 7).contiguous(memory);
  const Tensor dy = at::randn({6, kChannels, 3, 4}).contiguous(memory);
  const Made whole = whole_of(x, dy, silu);
  const std::vector<int64_t> sizes{3, 1, 2};
  const std::vector<Tensor> xs = x.split_with_sizes(sizes), dys = dy.split_with_sizes(sizes);
  std::vector<Made> shares(3);
  Sharers(3).run([&](int rank, const WholeBatchPtr& of_all) {
    const auto i = static_cast<size_t>(rank);
    shares[i] = made(xs[i].contiguous(memory), dys[i], [&](const Tensor& value, const BatchNormTensors& t) {
      if (fused) return fused_batch_norm(value, t, true, kMomentum, kEpsilon, silu, of_all);
      const Tensor y = shared_batch_norm(value, t, kMomentum, kEpsilon, of_all);
      return silu ? at::silu(y) : y;
    });
  });
  expect_near(at::cat({shares[0].y, shares[1].y, shares[2].y}), whole.y, "y");
  expect_near(at::cat({shares[0].dx, shares[1].dx, shares[2].dx}), whole.dx, "dx");
  expect_near(shares[0].dweight + shares[1].dweight + shares[2].dweight, whole.dweight, "dweight");
  expect_near(shares[0].dbias + shares[1].dbias + shares[2].dbias, whole.dbias, "dbias");
  for (const Made& share : shares) {
    expect_near(share.mean, whole.mean, "running mean");
    expect_near(share.var, whole.var, "running variance");
  }
}

TEST(SharedBatchNorm, FusedEqualsTheWholeBatch) { expect_equals_whole(true, false); }
TEST(SharedBatchNorm, FusedWithSiluEqualsTheWholeBatch) { expect_equals_whole(true, true); }
TEST(SharedBatchNorm, ByOperatorsEqualsTheWholeBatch) { expect_equals_whole(false, true); }

// One value a channel in a share is enough where the others have some.
TEST(SharedBatchNorm, CountsTheValuesOfAll) {
  const Tensor x = at::randn({2, kChannels, 1, 1}), dy = at::randn({2, kChannels, 1, 1});
  const Made whole = whole_of(x, dy, false);
  std::vector<Made> shares(2);
  Sharers(2).run([&](int rank, const WholeBatchPtr& of_all) {
    shares[static_cast<size_t>(rank)] =
        made(x.slice(0, rank, rank + 1), dy.slice(0, rank, rank + 1), [&](const Tensor& value, const auto& t) {
          return fused_batch_norm(value, t, true, kMomentum, kEpsilon, false, of_all);
        });
  });
  expect_near(shares[1].var, whole.var, "running variance");
  const auto alone = [&](bool fused) {
    Sharers(1).run([&](int, const WholeBatchPtr& of_all) {
      const Tensor one = x.slice(0, 0, 1);
      fused ? fused_batch_norm(one, tensors(), true, kMomentum, kEpsilon, false, of_all)
            : shared_batch_norm(one, tensors(), kMomentum, kEpsilon, of_all);
    });
  };
  EXPECT_EQ(error_of([&] { alone(true); }).first, ErrorKind::data);
  EXPECT_EQ(error_of([&] { alone(false); }).first, ErrorKind::data);
}

// EWGS looks at the sign of the gradient, which is not the same in a share.
TEST(SharedWeights, ElementWiseGradientScalingSeesTheWholeBatch) {
  at::manual_seed(2);
  const Tensor values = at::randn({4, 3, 2, 2}), scale = at::full({4}, 0.3f);
  graph::QuantParams params;
  params.scale.assign(4, 0.3f);
  params.zero_point.assign(4, 0);
  params.axis = 0;
  params.dtype = DType::i8;
  const std::vector<Tensor> dys{at::randn({4, 3, 2, 2}), at::randn({4, 3, 2, 2})};
  const auto gradients = [&](const Tensor& dy, const WholeBatchPtr& whole) {
    const Tensor w = values.clone().set_requires_grad(true), s = scale.clone().set_requires_grad(true);
    WeightRounding rounding;
    rounding.ewgs_delta = 0.4;
    rounding.whole_batch = whole;
    quantize_weight(w, s, params, false, rounding, 0).backward(dy);
    return std::pair(w.grad(), s.grad());
  };
  const auto [dw, ds] = gradients(dys[0] + dys[1], {});
  std::vector<std::pair<Tensor, Tensor>> shares(2);
  Sharers(2).run([&](int rank, const WholeBatchPtr& whole) {
    shares[static_cast<size_t>(rank)] = gradients(dys[static_cast<size_t>(rank)], whole);
  });
  expect_near(shares[0].first + shares[1].first, dw, "weights");
  expect_near(shares[0].second + shares[1].second, ds, "scales");
}

}  // namespace
}  // namespace quench::nn
