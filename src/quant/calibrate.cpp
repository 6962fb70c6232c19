#include "quant/calibrate.h"

#include <torch/types.h>

#include <algorithm>

#include "core/error.h"
#include "data/loading/loader.h"
#include "nn/graph_module.h"
#include "quant/edge_groups.h"

namespace quench::quant {
namespace {

/// Images a pass, so that its values stay in some hundred megabytes: 64 up to 128 px, 2 at 640 px.
int64_t batch_size(int imgsz) {
  constexpr int64_t kMost = 64, kPixels = kMost * 128 * 128;
  return std::clamp<int64_t>(kPixels / (int64_t{imgsz} * imgsz), 1, kMost);
}

int image_size(const graph::Graph& graph) {
  const Shape& shape = graph.edge(graph.inputs.at(0)).shape;
  if (shape.size() != 4 || shape[2] != shape[3]) {
    fail(ErrorKind::unsupported, "[quant.calibrate] expected a square image input [1,3,S,S], got {}",
         quench::to_string(shape));
  }
  return static_cast<int>(shape[2]);
}

bool read_by_silu_alone(const graph::Graph& graph, const std::vector<graph::EdgeId>& group) {
  return std::all_of(group.begin(), group.end(), [&](graph::EdgeId edge) {
    const std::vector<int> readers = graph.consumers(edge);
    return !readers.empty() && !contains(graph.outputs, edge) &&
           std::all_of(readers.begin(), readers.end(),
                       [&](int node) { return graph.nodes[static_cast<size_t>(node)].op == graph::Op::silu; });
  });
}

// The values of a tensor in whatever order they lie in memory.
void observe(Observer& observer, const torch::Tensor& value) {
  const torch::Tensor dense = value.is_non_overlapping_and_dense() ? value : value.contiguous();
  observer.observe({dense.data_ptr<float>(), static_cast<size_t>(dense.numel())});
}

}  // namespace

std::vector<graph::QuantParams> calibrate(const Placement& placement, std::shared_ptr<const data::Dataset> images,
                                          const std::vector<int64_t>& indices, const CalibrateOptions& options,
                                          const LogSink& log, const CancelToken& cancel) {
  std::vector<std::unique_ptr<Observer>> observers;
  std::vector<Observer*> observer_of(placement.graph.edges.size(), nullptr);
  for (const auto& group : placement.groups) {
    observers.push_back(
        make_observer(options.observer, options.percentile, read_by_silu_alone(placement.graph, group)));
    for (const graph::EdgeId edge : sources_of(placement.graph, group)) observer_of[edge] = observers.back().get();
  }

  torch::NoGradGuard no_gradients;
  nn::GraphModule module(placement.graph);
  module.set_edge_hook([&](graph::EdgeId edge, const torch::Tensor& value) {
    if (!observer_of[edge]) return;
    try {
      observe(*observer_of[edge], value);
    } catch (const Error& error) {
      throw Error(error.kind(), fmt::format("{} (edge {})", error.what(), placement.graph.edge(edge).name));
    }
  });

  data::LoaderOptions loading;
  loading.imgsz = image_size(placement.graph);
  loading.batch = batch_size(loading.imgsz);
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
  std::vector<graph::QuantParams> params;
  for (const auto& observer : observers) {
    cancel.check();
    params.push_back(params_for(observer->range(options.bits, options.symmetric), options.bits, options.symmetric));
  }
  return params;
}

}  // namespace quench::quant
