#pragma once

#include <cstdint>
#include <vector>

#include "core/cancel.h"
#include "data/sets/dataset.h"
#include "graph/graph.h"
#include "score/scores.h"

namespace quench::bits {

/// Scores of a model, its quantization simulated, on images of a split: what chooses between models without a look at
/// the test images. Throws Error{data} for outputs that are not finite, Error{cancelled}.
score::Scores scores_on(const graph::Graph& graph, std::shared_ptr<const data::Dataset> split,
                        const std::vector<int64_t>& indices, const CancelToken& cancel);

}  // namespace quench::bits
