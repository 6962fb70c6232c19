#pragma once

#include <vector>

#include "core/tensor.h"
#include "data/sets/dataset.h"
#include "graph/graph.h"
#include "program/command.h"

namespace quench::cli {

/// A seeded choice of `images` (0: as many as fit memory, 64 at most) training images of the data one by one, as a
/// model's input has them: uint8 [1,3,S,S].
std::vector<Tensor> comparison_images(const graph::Graph& graph, const data::Splits& data, int64_t images,
                                      uint64_t seed, const program::Environment& environment);

}  // namespace quench::cli
