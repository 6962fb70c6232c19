#pragma once

#include <torch/types.h>

#include <map>
#include <string>

#include "graph/graph.h"
#include "nn/qat_options.h"

namespace quench::nn {

/// The range of a group of edges that trains: its parameters, and what they are on the grid.
class LearnedRange {
 public:
  /// Nothing trains.
  LearnedRange() = default;
  /// Begins at the parameters that the Graph has (per tensor).
  LearnedRange(ActivationQuantizer kind, const graph::QuantParams& params, const torch::Device& device);

  bool defined() const { return first_.defined(); }
  /// Fake-quantizes by the present parameters. ewgs_delta 0: straight-through.
  torch::Tensor quantize(const torch::Tensor& x, double ewgs_delta) const;
  /// The present scale, detached: float32 [1].
  torch::Tensor scale() const;
  /// The Graph's parameters of the present range.
  graph::QuantParams params() const;
  /// Adds the leaves as `<edge>.scale` (lsq, lsq_plus), `<edge>.offset` (lsq_plus) and `<edge>.alpha` (pact).
  void add_parameters(const std::string& edge, std::map<std::string, torch::Tensor>& parameters) const;

 private:
  ActivationQuantizer kind_ = ActivationQuantizer::lsq;
  graph::QuantParams start_;
  torch::Tensor first_;   ///< scale, or alpha
  torch::Tensor offset_;  ///< of lsq_plus
};

/// Why a range cannot train so: "" where it can. LSQ+ wants an asymmetric quantizer, PACT one of values that are not
/// negative (zero point 0 and no integers below it).
std::string why_not(ActivationQuantizer kind, const graph::QuantParams& params);

}  // namespace quench::nn
