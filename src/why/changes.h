#pragma once

#include <map>
#include <set>

#include "bits/changed_run.h"
#include "why/findings.h"
#include "why/reference.h"

namespace quench::why {

/// A layer quantized alone, for a run of the reference: its weights, what it reads, and what is rounded between its
/// sums and the activation behind them, as the quantized model has them. node: index of a layer in integers.
bits::Change alone(const Forms& forms, size_t node);

/// The same layer in float, for a run of the quantized model: its weights, and those values that no other layer in
/// integers reads are not rounded.
bits::Change in_float(const Forms& forms, size_t node);

/// The quantized model with these layers (indices of nodes) in float.
graph::Graph with_layers_in_float(const Forms& forms, const std::set<size_t>& layers);

/// Ranges of edges, in place of those of a model.
using Ranges = std::map<graph::EdgeId, graph::QuantParams>;

/// Whole models, each with one change, as far as the change is one: a model whose weights have a scale a channel has no
/// Trial::weights_per_channel. has_against: the reference's weights are the ones that were rounded. Empty ranges make
/// no trial.
std::map<Trial, graph::Graph> trials_of(const Forms& forms, bool has_against, const Ranges& least_squares,
                                        const Ranges& in_8_bits);

}  // namespace quench::why
