#include "train/loop/evaluation.h"

#include <torch/utils.h>

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "metrics/top_k.h"

namespace quench::train {

int64_t evaluation_batch(int imgsz) {
  constexpr int64_t kPixels = 128 * 128 * 128;
  return std::clamp<int64_t>(kPixels / (int64_t{imgsz} * imgsz), 1, 128);
}

torch::Tensor pixels_of(const data::Batch& batch, const torch::Device& device) {
  const Shape& shape = batch.images.shape();
  ensure(shape.size() == 4 && shape[3] == 3 && batch.images.dtype() == DType::u8,
         "[train.batch] expected uint8 images [N,H,W,3], got {}", to_string(shape));
  auto* bytes = const_cast<std::byte*>(batch.images.bytes());  // from_blob takes no const; nothing writes to it
  const torch::Tensor view = at::from_blob(bytes, shape, at::TensorOptions().dtype(at::kByte)).permute({0, 3, 1, 2});
  if (device.is_cpu()) return view;
  return view.pin_memory().to(device, at::kByte, /*non_blocking=*/true);
}

void for_each_batch(nn::GraphModule& module, std::shared_ptr<const data::Dataset> dataset,
                    const EvaluationOptions& options, const CancelToken* cancel, const UseBatch& use) {
  const torch::NoGradGuard no_grad;
  module.train(false);
  data::LoaderOptions loading;
  loading.imgsz = options.imgsz;
  loading.batch = options.batch;
  loading.workers = options.workers;
  loading.left_out = options.left_out;
  if (options.limit > 0 && options.limit < dataset->size()) {
    loading.subset.resize(static_cast<size_t>(options.limit));
    std::iota(loading.subset.begin(), loading.subset.end(), int64_t{0});
  }
  data::Loader loader(std::move(dataset), loading);
  loader.start(0);
  while (const auto batch = loader.next()) {
    if (cancel != nullptr) cancel->check();
    use(*batch, module.forward(pixels_of(*batch, module.device())));
  }
}

Accuracy evaluate(nn::GraphModule& module, std::shared_ptr<const data::Dataset> dataset,
                  const EvaluationOptions& options, const CancelToken* cancel) {
  metrics::TopK top_k;
  for_each_batch(
      module, std::move(dataset), options, cancel,
      [&](const data::Batch& batch, const std::vector<torch::Tensor>& outputs) {
        const torch::Tensor scores = outputs.at(0).to(at::kCPU, at::kFloat).contiguous();
        top_k.add({scores.data_ptr<float>(), static_cast<size_t>(scores.numel())}, scores.size(1), batch.labels);
      });
  return {top_k.top1(), top_k.top5(), top_k.count(), top_k.invalid()};
}

}  // namespace quench::train
