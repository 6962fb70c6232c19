#include "bits/training_score.h"

#include <torch/types.h>

#include "data/loading/evaluation_images.h"
#include "data/loading/loader.h"
#include "graph/image_side.h"
#include "nn/graph_module.h"
#include "quant/image_batches.h"
#include "score/evaluate.h"
#include "train/loop/evaluation.h"

namespace quench::bits {

score::Scores scores_on(const graph::Graph& graph, std::shared_ptr<const data::Dataset> split,
                        const std::vector<int64_t>& indices, const CancelToken& cancel) {
  const torch::NoGradGuard no_gradient;
  data::LoaderOptions loading;
  loading.imgsz = graph::image_side(graph);
  loading.batch = quant::images_a_pass(loading.imgsz);
  loading.subset = indices;
  data::Loader loader(split, loading);
  loader.start(0);
  nn::GraphModule module(graph);
  const auto scorer = score::make_scorer(graph, split->classes(), nullptr);
  const auto next = [&]() -> std::optional<LabelledImages> {
    auto batch = loader.next();
    if (!batch) return std::nullopt;
    std::vector<Truth> truths = data::truths_of(*batch, *split);
    return LabelledImages{std::move(batch->images), std::move(truths)};
  };
  const auto run = [&](const Tensor& images) {
    std::vector<Tensor> outputs;
    for (const torch::Tensor& value : module.forward(train::pixels_of(images, torch::kCPU))) {
      outputs.push_back(nn::to_host(value.contiguous()));
    }
    return outputs;
  };
  score::evaluate(*scorer, next, run, {.cancel = &cancel});
  return scorer->result().scores;
}

}  // namespace quench::bits
