#include "quant/calibrate.h"

#include <torch/types.h>

#include "core/error.h"
#include "data/loading/loader.h"
#include "graph/image_side.h"
#include "graph/magnitude.h"
#include "nn/graph_module.h"
#include "quant/channel_sums.h"
#include "quant/image_batches.h"
#include "quant/observed_values.h"

namespace quench::quant {
namespace {

std::vector<double> means_of(const ChannelSums& sums) {
  const torch::Tensor mean = sums.mean().contiguous();
  return {mean.data_ptr<double>(), mean.data_ptr<double>() + mean.numel()};
}

}  // namespace

Calibration calibrate(const Placement& placement, std::shared_ptr<const data::Dataset> images,
                      const std::vector<int64_t>& indices, const CalibrateOptions& options, const LogSink& log,
                      const CancelToken& cancel) {
  graph::require_magnitudes(placement.graph);
  const ObservedGroups observed = observed_groups(placement);
  std::vector<std::unique_ptr<Observer>> observers;
  for (const bool before_silu : observed.before_silu) {
    observers.push_back(make_observer(options.observer, options.percentile, before_silu));
  }

  std::map<graph::EdgeId, ChannelSums> squares;
  for (const graph::EdgeId edge : options.mean_squares_of) squares[edge];
  torch::NoGradGuard no_gradients;
  nn::GraphModule module(placement.graph);
  module.set_edge_hook([&](graph::EdgeId edge, const torch::Tensor& value) {
    if (const auto found = squares.find(edge); found != squares.end()) found->second.add(value.square());
    const int group = observed.group_of[static_cast<size_t>(edge)];
    if (group < 0) return;
    try {
      torch::Tensor held;
      observers[static_cast<size_t>(group)]->observe(observed_values(value, held));
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
  out.images = done;
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
