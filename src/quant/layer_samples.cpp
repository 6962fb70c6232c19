#include "quant/layer_samples.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <unordered_set>

#include "core/rng.h"

namespace quench::quant {
namespace {

int64_t area_of(const Shape& output) { return output.size() == 4 ? output[2] * output[3] : 1; }

/// Channels last, so that a place is a row: [N*H*W, C].
torch::Tensor rows_of(const torch::Tensor& value) {
  return value.dim() == 4 ? value.permute({0, 2, 3, 1}).reshape({-1, value.size(1)}) : value;
}

}  // namespace

SamplePlaces::SamplePlaces(const graph::Graph& graph, const graph::Node& layer, int64_t images, int64_t total,
                           uint64_t seed)
    : layer_(layer.name), images_(images), area_(area_of(graph.edge(layer.outputs.at(0)).shape)), seed_(seed) {
  each_ = std::clamp<int64_t>(total / std::max<int64_t>(images, 1), 1, area_);
}

torch::Tensor SamplePlaces::of(int64_t first, int64_t n) const {
  torch::Tensor out = torch::empty({n * each_}, torch::kLong);
  int64_t* to = out.data_ptr<int64_t>();
  for (int64_t image = 0; image < n; ++image) {
    int64_t* const begin = to;
    Rng rng(seed_, layer_, static_cast<uint64_t>(first + image));
    std::unordered_set<int64_t> taken;  // Floyd's choice of `each_` out of `area_`
    for (int64_t j = area_ - each_; j < area_; ++j) {
      const auto drawn = static_cast<int64_t>(rng.below(static_cast<uint64_t>(j) + 1));
      const int64_t place = taken.insert(drawn).second ? drawn : (taken.insert(j), j);
      *to++ = image * area_ + place;
    }
    std::sort(begin, to);
  }
  return out;
}

LayerShape layer_shape(const graph::Graph& graph, const graph::Node& layer) {
  const Shape& weight = graph.required_weight(layer, "weight").value.shape();
  LayerShape out;
  if (layer.op == graph::Op::conv) out.groups = layer.as<graph::ConvAttributes>().groups;
  out.outputs = weight.at(0) / out.groups;
  out.inputs = weight.at(1);
  for (size_t i = 2; i < weight.size(); ++i) out.inputs *= weight[i];
  return out;
}

torch::Tensor outputs_at(const torch::Tensor& value, const torch::Tensor& places, const LayerShape& shape) {
  return rows_of(value)
      .index_select(0, places)
      .view({places.numel(), shape.groups, shape.outputs})
      .permute({1, 0, 2})
      .contiguous();
}

torch::Tensor patches_at(const torch::Tensor& value, const graph::Node& layer, const torch::Tensor& places,
                         const Shape& output, const LayerShape& shape) {
  if (value.dim() == 2) return value.index_select(0, places).unsqueeze(0);
  const auto& a = layer.as<graph::ConvAttributes>();
  const torch::Tensor padded = at::constant_pad_nd(value, {a.padding[1], a.padding[1], a.padding[0], a.padding[0]}, 0);
  const int64_t height = padded.size(2), width = padded.size(3), area = output.at(2) * output.at(3);
  const torch::Tensor rows = rows_of(padded);
  const torch::Tensor image = places.div(area, "floor"), place = places.remainder(area);
  const torch::Tensor y = place.div(output[3], "floor").mul_(a.stride[0]);
  const torch::Tensor x = place.remainder(output[3]).mul_(a.stride[1]);
  const torch::Tensor corner = image.mul(height).add_(y).mul_(width).add_(x);
  std::vector<torch::Tensor> taken;
  for (int64_t ky = 0; ky < a.kernel[0]; ++ky) {
    for (int64_t kx = 0; kx < a.kernel[1]; ++kx) {
      taken.push_back(rows.index_select(0, corner + (ky * a.dilation[0] * width + kx * a.dilation[1])));
    }
  }
  return torch::stack(taken, 2).view({places.numel(), shape.groups, shape.inputs}).permute({1, 0, 2}).contiguous();
}

}  // namespace quench::quant
