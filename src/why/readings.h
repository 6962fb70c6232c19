#pragma once

#include <map>
#include <vector>

#include "core/cancel.h"
#include "core/tensor.h"
#include "graph/graph.h"
#include "why/findings.h"

namespace quench::why {

/// How the reference's values lie on the integers of the quantized model, for each edge that a layer reads quantized.
/// Both graphs have the same edges (Forms). images: uint8 [N,S,S,3] a batch. Throws Error{data} for values that are not
/// finite, Error{cancelled}.
std::map<graph::EdgeId, Reading> readings(const graph::Graph& quantized, const graph::Graph& reference,
                                          const std::vector<Tensor>& images, const CancelToken& cancel);

}  // namespace quench::why
