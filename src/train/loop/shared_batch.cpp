#include "train/loop/shared_batch.h"

#include <ATen/ATen.h>

namespace quench::train {

torch::Tensor SharedBatch::summed(const torch::Tensor& values) const {
  if (!sum_) return values;
  const torch::Tensor wide = values.detach().to(at::kCPU, at::kDouble).contiguous().clone();
  sum_({wide.data_ptr<double>(), static_cast<size_t>(wide.numel())});
  return wide.to(values.device(), values.scalar_type());
}

}  // namespace quench::train
