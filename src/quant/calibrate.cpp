#include "quant/calibrate.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "data/loading/loader.h"
#include "graph/image_side.h"
#include "graph/magnitude.h"
#include "graph/scale_groups.h"
#include "nn/graph_module.h"
#include "quant/channel_sums.h"
#include "quant/image_batches.h"

namespace quench::quant {
namespace {

bool read_by_silu_alone(const graph::Graph& graph, const graph::Links& links, const std::vector<graph::EdgeId>& group) {
  return std::ranges::all_of(group, [&](graph::EdgeId edge) {
    return !links.consumers[edge].empty() && !links.is_output[edge] &&
           std::ranges::all_of(links.consumers[edge],
                               [&](int node) { return graph.nodes[node].op == graph::Op::silu; });
  });
}

// The values of a tensor in whatever order they lie in memory.
void observe(Observer& observer, const torch::Tensor& value) {
  const torch::Tensor dense = value.is_non_overlapping_and_dense() ? value : value.contiguous();
  const auto [low, high] = dense.aminmax();
  const float largest = std::max(std::abs(low.item<float>()), std::abs(high.item<float>()));
  if (std::isfinite(largest) && largest > graph::kLargestMagnitude) {  // what is not finite, observers refuse
    fail(ErrorKind::data, "[quant.calibrate] expected values of at most {:g}, got {:g}", graph::kLargestMagnitude,
         largest);
  }
  observer.observe({dense.data_ptr<float>(), static_cast<size_t>(dense.numel())});
}

std::vector<double> means_of(const ChannelSums& sums) {
  const torch::Tensor mean = sums.mean().contiguous();
  return {mean.data_ptr<double>(), mean.data_ptr<double>() + mean.numel()};
}

}  // namespace

Calibration calibrate(const Placement& placement, std::shared_ptr<const data::Dataset> images,
                      const std::vector<int64_t>& indices, const CalibrateOptions& options, const LogSink& log,
                      const CancelToken& cancel) {
  graph::require_magnitudes(placement.graph);
  std::vector<std::unique_ptr<Observer>> observers;
  const graph::Links links(placement.graph);
  std::vector<Observer*> observer_of(placement.graph.edges.size(), nullptr);
  for (const auto& group : placement.groups) {
    observers.push_back(
        make_observer(options.observer, options.percentile, read_by_silu_alone(placement.graph, links, group)));
    for (const graph::EdgeId edge : graph::sources_of(placement.graph, links, group))
      observer_of[edge] = observers.back().get();
  }

  std::map<graph::EdgeId, ChannelSums> squares;
  for (const graph::EdgeId edge : options.mean_squares_of) squares[edge];
  torch::NoGradGuard no_gradients;
  nn::GraphModule module(placement.graph);
  module.set_edge_hook([&](graph::EdgeId edge, const torch::Tensor& value) {
    if (const auto found = squares.find(edge); found != squares.end()) found->second.add(value.square());
    if (!observer_of[edge]) return;
    try {
      observe(*observer_of[edge], value);
    } catch (const Error& error) {
      throw Error(error.kind(), fmt::format("{} (edge {})", error.what(), placement.graph.edge(edge).name));
    }
  });

  data::LoaderOptions loading;
  loading.imgsz = graph::image_side(placement.graph);
  loading.batch = images_a_pass(loading.imgsz);
  loading.subset = indices;
  data::Loader loader(std::move(images), loading);
  loader.start(0);
  int64_t done = 0;
  while (const auto batch = loader.next()) {
    cancel.check();
    module.forward(nn::to_torch(batch->images).permute({0, 3, 1, 2}));
    for (const auto& observer : observers) observer->end_batch();
    done += batch->images.shape()[0];
    log.show_progress(fmt::format("calibrate {}/{} images", done, indices.size()));
  }

  if (loader.left_out().count() > 0) {
    log.warning(data::to_text(loader.left_out().images(), static_cast<int64_t>(indices.size()), "calibration images"));
  }
  Calibration out;
  for (size_t i = 0; i < observers.size(); ++i) {
    cancel.check();
    const int bits = placement.group_bits[i];
    out.params.push_back(options.power_of_two
                             ? observers[i]->power_of_two(bits, options.symmetric)
                             : params_for(observers[i]->range(bits, options.symmetric), bits, options.symmetric));
  }
  for (const auto& [edge, sum] : squares) out.mean_squares[edge] = means_of(sum);
  return out;
}

}  // namespace quench::quant
