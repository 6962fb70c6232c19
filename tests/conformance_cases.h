#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "runtime/runtime.h"

/// What every runtime must do the same: one list of small graphs.
namespace quench::runtime::conformance {

struct Case {
  std::string name;  ///< letters, digits and `_`
  graph::Graph graph;
  /// 0: float32, equal within 1e-4 of the largest output. Else: the output is quantized; equal within so many of its
  /// steps (1: one layer; more where a step of difference inside is passed on).
  int steps = 0;
  /// What computes the same; empty: `graph`.
  graph::Graph reference = {};
};

/// Per operation: odd sizes, strides, groups, channel counts, fused activations; then the same quantized.
std::vector<Case> cases();

/// YOLOs of which channels were cut: what every runtime makes of them equals the full model with those channels at
/// zero.
std::vector<Case> pruned_cases();

/// A runtime, with the instruction set that it is to use (empty: its own choice).
struct Entry {
  std::unique_ptr<Runtime> runtime;
  std::string isa;
};

/// The runtimes that the test program covers. Defined once in each program.
std::vector<Entry> runtimes();

}  // namespace quench::runtime::conformance
