#include "train/loop/evaluation.h"

#include <torch/utils.h>

#include "core/error.h"
#include "data/loading/evaluation_images.h"
#include "score/evaluate.h"

namespace quench::train {

torch::Tensor pixels_of(const Tensor& images, const torch::Device& device) {
  const Shape& shape = images.shape();
  ensure(shape.size() == 4 && shape[3] == 3 && images.dtype() == DType::u8,
         "[train.batch] expected uint8 images [N,H,W,3], got {}", to_string(shape));
  auto* bytes = const_cast<std::byte*>(images.bytes());  // from_blob takes no const; nothing writes to it
  const torch::Tensor view = at::from_blob(bytes, shape, at::TensorOptions().dtype(at::kByte)).permute({0, 3, 1, 2});
  if (device.is_cpu()) return view;
  return view.pin_memory().to(device, at::kByte, /*non_blocking=*/true);
}

score::Scores evaluate(nn::GraphModule& module, const graph::Graph& graph, const data::Dataset& dataset,
                       const EvaluationOptions& options, const CancelToken* cancel) {
  const torch::NoGradGuard no_grad;
  module.train(false);
  const auto scorer = score::make_scorer(graph, dataset.classes(), nullptr);
  const auto run = [&](const Tensor& images) {
    std::vector<Tensor> outputs;
    for (const torch::Tensor& value : module.forward(pixels_of(images, module.device()))) {
      outputs.push_back(nn::to_host(value.to(at::kFloat)));
    }
    return outputs;
  };
  const auto images = data::evaluation_images(dataset, {.imgsz = options.imgsz,
                                                        .batch = options.batch,
                                                        .workers = options.workers,
                                                        .limit = options.limit,
                                                        .subset = options.subset,
                                                        .left_out = options.left_out});
  score::evaluate(*scorer, images, run, {.cancel = cancel});
  return scorer->result().scores;
}

}  // namespace quench::train
