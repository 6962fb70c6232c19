// A plain torch::nn float32 training loop of yolov5n-cls: what train_step and train_pipeline compare with.
#pragma once

#include <ATen/ATen.h>
#include <torch/optim/sgd.h>

#include <memory>

#include "nn_plain_yolov5.h"

namespace quench::bench {

using torch::Tensor;

inline constexpr double kRate = 0.01, kMomentum = 0.9, kDecay = 5e-4, kSmoothing = 0.1;

struct Data {
  Tensor images;  // [N,H,W,3] uint8, as a loader makes them
  Tensor labels;
};

inline Tensor loss_of(const Tensor& logits, const Tensor& labels) {
  return at::cross_entropy_loss(logits, labels, {}, at::Reduction::Mean, -100, kSmoothing);
}

class PlainLoop {
 public:
  PlainLoop(const quench::graph::Graph& graph, bool channels_last)
      : net_(100), channels_last_(channels_last), optimizer_(nullptr) {
    quench::plain::copy_weights(graph, *net_);
    if (channels_last) {
      torch::NoGradGuard no_grad;
      for (Tensor& p : net_->parameters()) {
        if (p.dim() == 4) p.set_data(p.contiguous(at::MemoryFormat::ChannelsLast));
      }
    }
    optimizer_ = std::make_unique<torch::optim::SGD>(
        net_->parameters(), torch::optim::SGDOptions(kRate).momentum(kMomentum).weight_decay(kDecay).nesterov(true));
    net_->train();
  }
  double step(const Data& data) {
    const auto format = channels_last_ ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
    const Tensor x = data.images.permute({0, 3, 1, 2}).to(torch::kFloat).div_(255).contiguous(format);
    optimizer_->zero_grad();
    const Tensor loss = loss_of(net_->forward(x), data.labels);
    loss.backward();
    optimizer_->step();
    return loss.item<double>();
  }

 private:
  quench::plain::Yolov5nCls net_;
  bool channels_last_;
  std::unique_ptr<torch::optim::SGD> optimizer_;
};

}  // namespace quench::bench
