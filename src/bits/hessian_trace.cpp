#include "bits/hessian_trace.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/byte_string.h"
#include "core/error.h"
#include "core/rng.h"

namespace quench::bits {
namespace {

constexpr double kStep = 0.01;
constexpr const char* kProbesForm = "products of probes 1";

torch::Tensor signs_like(const torch::Tensor& weight, Rng rng) {
  torch::Tensor signs = torch::empty(weight.sizes(), torch::kFloat);
  float* out = signs.data_ptr<float>();
  for (int64_t i = 0; i < signs.numel(); ++i) out[i] = rng.uniform() < 0.5 ? -1.0F : 1.0F;
  return signs;
}

}  // namespace

std::map<std::string, double> hessian_traces(nn::GraphModule& module, const std::vector<std::string>& names,
                                             const AddGradients& add_gradients, int64_t probes, uint64_t seed,
                                             const CancelToken& cancel, const Shards* shards) {
  const auto parameters = module.parameters();
  std::map<std::string, double> traces;
  std::vector<torch::Tensor> saved;
  std::vector<double> sizes;
  for (const std::string& name : names) {
    const torch::Tensor weight = parameters.at(name).detach();
    saved.push_back(weight.clone());
    sizes.push_back(std::sqrt(std::max(1e-12, weight.square().mean().item<double>())));
    traces[name] = 0;
  }
  // The weights are put back however this ends.
  const auto move = [&](const std::vector<torch::Tensor>& signs, double step) {
    const torch::NoGradGuard no_gradient;
    for (size_t i = 0; i < names.size(); ++i) {
      torch::Tensor weight = parameters.at(names[i]);
      weight.copy_(saved[i]);
      if (step != 0) weight.add_(signs[i], step * sizes[i]);
    }
  };
  const auto gradients = [&] {
    for (const auto& [name, value] : parameters) value.mutable_grad().reset();
    add_gradients();
    std::vector<torch::Tensor> out;
    for (const std::string& name : names) {
      const torch::Tensor& gradient = parameters.at(name).grad();
      if (!gradient.defined()) {  // the loss does not depend on it
        out.push_back(torch::zeros_like(parameters.at(name)));
        continue;
      }
      if (!at::isfinite(gradient).all().item<bool>()) {
        fail(ErrorKind::data, "[bits.hessian_trace] expected finite gradients, got others (weight {})", name);
      }
      out.push_back(gradient.detach().clone());
    }
    return out;
  };
  const auto products = [&](int64_t probe) {  // r^T (g(w + e D r) - g(w - e D r)), of each weight
    cancel.check();
    std::vector<torch::Tensor> signs;
    for (size_t i = 0; i < names.size(); ++i) {
      signs.push_back(signs_like(saved[i], Rng(seed, "hessian", static_cast<uint64_t>(probe), i)));
    }
    move(signs, kStep);
    const std::vector<torch::Tensor> above = gradients();
    move(signs, -kStep);
    const std::vector<torch::Tensor> below = gradients();
    std::vector<double> out;
    for (size_t i = 0; i < names.size(); ++i) {
      out.push_back(signs[i].mul(above[i] - below[i]).sum(torch::kDouble).item<double>());
    }
    return out;
  };
  const auto of_probes = [&](const Share& share) {
    ByteWriter out(kProbesForm);
    for (int64_t probe = share.first; probe < share.last; ++probe) {
      for (const double product : products(probe)) out.real(product);
    }
    return out.take();
  };
  const auto add = [&](const std::string& bytes) {
    ByteReader in(bytes, kProbesForm);
    while (!in.at_end()) {
      for (size_t i = 0; i < names.size(); ++i) {
        traces[names[i]] += in.real_double() / (2 * kStep * sizes[i]) / static_cast<double>(probes);
      }
    }
  };
  try {
    const Share share = share_of(probes, 1, shards);
    if (is_shared(shards)) {
      for (const std::string& bytes : exchange_work(*shards, [&] { return of_probes(share); })) add(bytes);
    } else {
      add(of_probes(share));
    }
  } catch (...) {
    move({}, 0);
    throw;
  }
  move({}, 0);
  for (const auto& [name, value] : parameters) value.mutable_grad().reset();
  return traces;
}

}  // namespace quench::bits
