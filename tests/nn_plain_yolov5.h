#pragma once

#include <torch/nn/functional/activation.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include "graph/graph.h"
#include "nn/graph_module.h"

namespace quench::plain {

/// yolov5n-cls written by hand as torch::nn modules, the way a training loop without our Graph would have it: the
/// yardstick of GraphModule in tests and benchmarks. Parameter names are the published module paths.
struct ConvImpl : torch::nn::Module {
  ConvImpl(int64_t in, int64_t out, int64_t kernel, int64_t stride = 1, int64_t padding = -1)
      : conv(torch::nn::Conv2dOptions(in, out, kernel)
                 .stride(stride)
                 .padding(padding < 0 ? kernel / 2 : padding)
                 .bias(false)),
        bn(torch::nn::BatchNorm2dOptions(out).eps(1e-3).momentum(0.03)) {
    register_module("conv", conv);
    register_module("bn", bn);
  }
  torch::Tensor forward(const torch::Tensor& x) { return torch::silu(bn(conv(x))); }
  torch::nn::Conv2d conv;
  torch::nn::BatchNorm2d bn;
};
TORCH_MODULE(Conv);

struct BottleneckImpl : torch::nn::Module {
  explicit BottleneckImpl(int64_t channels) : cv1(channels, channels, 1), cv2(channels, channels, 3) {
    register_module("cv1", cv1);
    register_module("cv2", cv2);
  }
  torch::Tensor forward(const torch::Tensor& x) { return x + cv2(cv1(x)); }
  Conv cv1, cv2;
};
TORCH_MODULE(Bottleneck);

struct C3Impl : torch::nn::Module {
  C3Impl(int64_t channels, int repeats)
      : cv1(channels, channels / 2, 1), cv2(channels, channels / 2, 1), cv3(channels, channels, 1) {
    register_module("cv1", cv1);
    register_module("cv2", cv2);
    register_module("cv3", cv3);
    for (int i = 0; i < repeats; ++i) m->push_back(Bottleneck(channels / 2));
    register_module("m", m);
  }
  torch::Tensor forward(const torch::Tensor& x) { return cv3(torch::cat({m->forward(cv1(x)), cv2(x)}, 1)); }
  Conv cv1, cv2, cv3;
  torch::nn::Sequential m;
};
TORCH_MODULE(C3);

struct ClassifyImpl : torch::nn::Module {
  ClassifyImpl(int64_t channels, int64_t classes) : conv(channels, 1280, 1), linear(1280, classes) {
    register_module("conv", conv);
    register_module("linear", linear);
  }
  torch::Tensor forward(const torch::Tensor& x) {
    return linear(torch::adaptive_avg_pool2d(conv(x), {1, 1}).flatten(1));
  }
  Conv conv;
  torch::nn::Linear linear;
};
TORCH_MODULE(Classify);

struct Yolov5nClsImpl : torch::nn::Module {
  explicit Yolov5nClsImpl(int64_t classes)
      : model(Conv(3, 16, 6, 2, 2), Conv(16, 32, 3, 2), C3(32, 1), Conv(32, 64, 3, 2), C3(64, 2), Conv(64, 128, 3, 2),
              C3(128, 3), Conv(128, 256, 3, 2), C3(256, 1), Classify(256, classes)) {
    register_module("model", model);
  }
  torch::Tensor forward(const torch::Tensor& x) { return model->forward(x); }
  torch::nn::Sequential model;
};
TORCH_MODULE(Yolov5nCls);

/// Copies the Graph's weights onto the parameters and buffers of the same names. Returns how many names matched.
inline int copy_weights(const graph::Graph& graph, torch::nn::Module& module) {
  torch::NoGradGuard no_grad;
  int copied = 0;
  const auto copy = [&](const std::string& name, torch::Tensor& to) {
    const auto found = graph.weights.find(name);
    if (found == graph.weights.end()) return;
    to.copy_(nn::to_torch(found->second.value));
    ++copied;
  };
  for (auto& item : module.named_parameters()) copy(item.key(), item.value());
  for (auto& item : module.named_buffers()) copy(item.key(), item.value());
  return copied;
}

}  // namespace quench::plain
