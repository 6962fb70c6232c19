#pragma once

#include <torch/types.h>

#include "core/cancel.h"
#include "data/loading/left_out.h"
#include "data/sets/dataset.h"
#include "nn/graph_module.h"
#include "score/scores.h"

namespace quench::train {

struct EvaluationOptions {
  int imgsz = 64;
  int64_t batch = 128;
  int workers = 2;
  int64_t limit = 0;                             ///< the first N images; 0: all
  std::vector<int64_t> subset = {};              ///< indices to use in place of `limit`; empty: all
  std::shared_ptr<data::LeftOut> left_out = {};  ///< takes up images that cannot be read
};

/// Scores of a module in evaluation mode, without gradients, over a data set, in order and without augmentation; the
/// first ranks weights. graph: the one that the module was made of. Throws Error{cancelled}; Error{data} for outputs
/// that are not finite.
score::Scores evaluate(nn::GraphModule& module, const graph::Graph& graph, const data::Dataset& dataset,
                       const EvaluationOptions& options, const CancelToken* cancel);

/// Images, uint8 [N,H,W,3], as [N,3,H,W] uint8 in channels-last memory. On the CPU a view: they must outlive it; for
/// CUDA a copy through pinned memory that does not block.
torch::Tensor pixels_of(const quench::Tensor& images, const torch::Device& device);

}  // namespace quench::train
