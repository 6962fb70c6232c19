#pragma once

#include <torch/types.h>

#include <functional>
#include <memory>
#include <vector>

#include "core/cancel.h"
#include "data/loading/loader.h"
#include "nn/graph_module.h"

namespace quench::train {

struct EvaluationOptions {
  int imgsz = 64;
  int64_t batch = 128;
  int workers = 2;
  int64_t limit = 0;                             ///< the first N images; 0: all
  std::shared_ptr<data::LeftOut> left_out = {};  ///< takes up images that cannot be read
};

/// Images a forward pass takes at a size so that its values stay in some hundred megabytes: 128 at 64 px, 4 at 640 px.
int64_t evaluation_batch(int imgsz);

struct Accuracy {
  double top1 = 0;  ///< fraction
  double top5 = 0;
  int64_t images = 0;
  int64_t invalid = 0;  ///< images whose scores hold a NaN; counted as misses
};

/// Runs a module in evaluation mode, without gradients, over a data set, in order and without augmentation; `use` gets
/// each batch and the module's outputs. Throws Error{cancelled}.
using UseBatch = std::function<void(const data::Batch&, const std::vector<torch::Tensor>&)>;
void for_each_batch(nn::GraphModule& module, std::shared_ptr<const data::Dataset> dataset,
                    const EvaluationOptions& options, const CancelToken* cancel, const UseBatch& use);

/// Accuracy of a module in evaluation mode over a data set, without augmentation. Throws Error{cancelled}.
Accuracy evaluate(nn::GraphModule& module, std::shared_ptr<const data::Dataset> dataset,
                  const EvaluationOptions& options, const CancelToken* cancel);

/// The pixels of a batch as [N,3,H,W] uint8 in channels-last memory. On the CPU a view: the batch must outlive it;
/// for CUDA a copy through pinned memory that does not block.
torch::Tensor pixels_of(const data::Batch& batch, const torch::Device& device);

}  // namespace quench::train
