#pragma once

#include <ATen/ATen.h>
#include <torch/types.h>

#include <cmath>

namespace quench::quant {

/// Adam (Kingma and Ba 2015) of one tensor, with its usual constants.
class Adam {
 public:
  explicit Adam(const torch::Tensor& like) : mean_(torch::zeros_like(like)), square_(torch::zeros_like(like)) {}
  void step(torch::Tensor& v, const torch::Tensor& gradient, double lr) {
    constexpr double kB1 = 0.9, kB2 = 0.999, kEpsilon = 1e-15;
    ++steps_;
    mean_.mul_(kB1).add_(gradient, 1 - kB1);
    square_.mul_(kB2).addcmul_(gradient, gradient, 1 - kB2);
    const double unbias = std::sqrt(1 - std::pow(kB2, steps_));
    v.addcdiv_(mean_, square_.sqrt().div_(unbias).add_(kEpsilon), -lr / (1 - std::pow(kB1, steps_)));
  }

 private:
  torch::Tensor mean_, square_;
  double steps_ = 0;
};

}  // namespace quench::quant
