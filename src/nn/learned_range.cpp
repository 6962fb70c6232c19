#include "nn/learned_range.h"

#include <ATen/ATen.h>

#include "nn/activation_quantizer.h"
#include "nn/fake_quant.h"

namespace quench::nn {

namespace {

torch::Tensor range_leaf(double value, const torch::Device& device) {
  return torch::full({1}, static_cast<float>(value), torch::TensorOptions(device)).set_requires_grad(true);
}

}  // namespace

LearnedRange::LearnedRange(ActivationQuantizer kind, const graph::QuantParams& params, const torch::Device& device)
    : kind_(kind), start_(params) {
  const double scale = params.scale.at(0);
  if (kind == ActivationQuantizer::pact) {
    first_ = range_leaf(scale * static_cast<double>(params.q_max()), device);
    return;
  }
  first_ = range_leaf(scale, device);
  if (kind == ActivationQuantizer::lsq_plus) {
    offset_ = range_leaf(scale * static_cast<double>(params.q_min() - params.zero_point.at(0)), device);
  }
}

torch::Tensor LearnedRange::quantize(const torch::Tensor& x, double ewgs_delta) const {
  switch (kind_) {
    case ActivationQuantizer::pact: return quantize_pact(x, first_, start_.q_max(), ewgs_delta);
    case ActivationQuantizer::lsq_plus:
      return quantize_lsq_plus(x, first_, offset_, start_.q_min(), start_.q_max(), ewgs_delta);
    case ActivationQuantizer::lsq: break;
  }
  const QuantGrid grid{start_.zero_point[0], start_.q_min(), start_.q_max()};
  return ewgs_delta == 0 ? fake_quantize(x, first_, grid) : quantize_lsq(x, first_, grid, ewgs_delta);
}

torch::Tensor LearnedRange::scale() const {
  const torch::Tensor first = first_.detach();
  return kind_ == ActivationQuantizer::pact ? first / static_cast<double>(start_.q_max()) : first;
}

graph::QuantParams LearnedRange::params() const {
  graph::QuantParams params = start_;
  params.scale[0] = scale().item<float>();
  if (kind_ == ActivationQuantizer::lsq_plus) {
    params.zero_point[0] = static_cast<int32_t>(zero_point_of(first_, offset_, start_.q_min(), start_.q_max()));
  }
  return params;
}

void LearnedRange::add_parameters(const std::string& edge, std::map<std::string, torch::Tensor>& parameters) const {
  parameters[edge + (kind_ == ActivationQuantizer::pact ? ".alpha" : ".scale")] = first_;
  if (offset_.defined()) parameters[edge + ".offset"] = offset_;
}

std::string why_not(ActivationQuantizer kind, const graph::QuantParams& params) {
  const bool is_signed = params.dtype == DType::i8;
  if (kind == ActivationQuantizer::lsq_plus && is_signed) return "its quantizer is symmetric, and an offset is none";
  if (kind == ActivationQuantizer::pact && (is_signed || params.zero_point.at(0) != 0 || params.q_min() != 0)) {
    return "its values can be negative, and PACT clips at 0";
  }
  return "";
}

}  // namespace quench::nn
