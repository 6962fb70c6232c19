#include "steps/unfold.h"

#include <torch/types.h>

#include <algorithm>

#include "core/error.h"
#include "core/text.h"
#include "data/loading/loader.h"
#include "graph/image_side.h"
#include "graph/unfold_batch_norm.h"
#include "nn/graph_module.h"

namespace quench::steps {
namespace {

/// Images that the statistics come from: 256 up to 128 px, 32 from 640 px on.
int64_t image_count(int64_t imgsz) { return std::clamp<int64_t>(int64_t{32} * 640 * 640 / (imgsz * imgsz), 32, 256); }

/// Sums of one convolution's output over images and places.
struct Sums {
  std::string node;
  torch::Tensor values, squares;
  double count = 0;

  void add(const torch::Tensor& value) {
    const torch::Tensor x = value.to(at::kDouble), sum = x.sum({0, 2, 3}), square = (x * x).sum({0, 2, 3});
    values = values.defined() ? values + sum : sum;
    squares = squares.defined() ? squares + square : square;
    count += static_cast<double>(value.size(0) * value.size(2) * value.size(3));
  }
  graph::ChannelStatistics statistics() const {
    graph::ChannelStatistics out;
    const torch::Tensor mean = values / count, variance = (squares / count - mean * mean).clamp_min(0);
    out.mean.assign(mean.data_ptr<double>(), mean.data_ptr<double>() + mean.numel());
    out.variance.assign(variance.data_ptr<double>(), variance.data_ptr<double>() + variance.numel());
    return out;
  }
};

}  // namespace

graph::Graph with_batch_norms(graph::Graph graph, const data::Dataset& train, const LogSink& log) {
  const std::vector<std::string> folded = graph::folded_convolutions(graph);
  if (folded.empty()) return graph;
  const int side = graph::image_side(graph);
  std::map<graph::EdgeId, Sums> sums;
  for (const graph::Node& node : graph.nodes) {
    if (std::ranges::find(folded, node.name) != folded.end()) sums[node.outputs.at(0)].node = node.name;
  }

  const torch::NoGradGuard no_gradient;
  nn::GraphModule module(graph);
  module.set_edge_hook([&](graph::EdgeId edge, const torch::Tensor& value) {
    if (const auto found = sums.find(edge); found != sums.end()) found->second.add(value);
  });
  data::LoaderOptions loading;
  loading.imgsz = side;
  loading.batch = 8;
  loading.subset = data::calibration_subset(train, image_count(side), 0).indices;
  // The caller owns the images and outlives this call: share them without owning.
  data::Loader loader(std::shared_ptr<const data::Dataset>(std::shared_ptr<void>(), &train), loading);
  loader.start(0);
  int64_t images = 0;
  while (const auto batch = loader.next()) {
    module.forward(nn::to_torch(batch->images).permute({0, 3, 1, 2}));
    images += batch->images.shape()[0];
    log.show_progress(fmt::format("statistics of {}/{} images", images, loading.subset.size()));
  }

  std::map<std::string, graph::ChannelStatistics> statistics;
  for (const auto& [edge, sum] : sums) statistics[sum.node] = sum.statistics();
  log.info(fmt::format("batch norms were folded: {} new ones compute the same, with the statistics of {}",
                       statistics.size(), counted(images, "image")));
  return graph::unfold_batch_norms(std::move(graph), statistics);
}

}  // namespace quench::steps
