#pragma once

#include "graph/links.h"

namespace quench::quant {

/// The activation that alone reads a layer's output: its own fused one, a silu or relu node, or a sigmoid and the mul
/// of both (a silu as decompose_silu writes it). none: another reader sees the output as it is.
graph::Activation activation_after(const graph::Graph& graph, const graph::Links& links, const graph::Node& layer);

}  // namespace quench::quant
