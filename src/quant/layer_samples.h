#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace quench::quant {

/// Places of a layer's output that its reconstruction looks at: some of each image, rather than all of few images.
class SamplePlaces {
 public:
  /// `total` places over all images at most, the same number of each image (at least one), drawn without repetition.
  SamplePlaces(const graph::Graph& graph, const graph::Node& layer, int64_t images, int64_t total, uint64_t seed);

  int64_t count() const { return images_ * each_; }
  /// Of the images from `first` on: indices into [n * H * W].
  torch::Tensor of(int64_t first, int64_t n) const;

 private:
  std::string_view layer_;
  int64_t images_, each_, area_;
  uint64_t seed_;
};

/// A layer as so many products of matrices, one a group: y[g] = x[g] w[g]^T.
struct LayerShape {
  int64_t groups = 1;
  int64_t outputs = 0;  ///< of a group
  int64_t inputs = 0;   ///< of a group: input channels times places of the kernel
};
LayerShape layer_shape(const graph::Graph& graph, const graph::Node& layer);

/// A layer's output (or what an activation makes of it) [N,O,H,W] or [N,O] at places: [G,n,O/G].
torch::Tensor outputs_at(const torch::Tensor& value, const torch::Tensor& places, const LayerShape& shape);

/// What the layer reads to compute these: [G,n,K], K as the weight [O,I/G,kh,kw] flattened. Padding is 0.
torch::Tensor patches_at(const torch::Tensor& value, const graph::Node& layer, const torch::Tensor& places,
                         const Shape& output, const LayerShape& shape);

}  // namespace quench::quant
