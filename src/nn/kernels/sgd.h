#pragma once

#include <cstdint>
#include <span>

#include "nn/kernels/flat.h"

namespace quench::nn::kernels {

struct SgdOptions {
  float learning_rate = 0.1f;
  float momentum = 0.9f;
  float weight_decay = 0;  ///< L2, added to the gradient before momentum, as LibTorch's SGD
  bool nesterov = false;
};

/// One tensor of an optimizer step: dense float32 arrays of `count` in the same order (memory format) of elements.
struct SgdSpan {
  float* weight;
  const float* gradient;
  float* velocity;  ///< zero before the first step, which equals LibTorch's first step (velocity = gradient)
  int64_t count;
};

/// SGD with momentum over many tensors in one pass (Sutskever et al. 2013, in LibTorch's form):
/// g += decay * w; v = momentum * v + g; w -= rate * (nesterov ? g + momentum * v : v).
/// It writes weights behind autograd's back: version counters do not move.
void sgd_step(std::span<const SgdSpan> spans, const SgdOptions& options, const FlatLayout& layout);

/// One tensor of an exponential moving average.
struct AverageSpan {
  float* average;
  const float* value;
  int64_t count;
};

/// average = decay * average + (1 - decay) * value over many tensors.
void average_step(std::span<const AverageSpan> spans, float decay, const FlatLayout& layout);

}  // namespace quench::nn::kernels
