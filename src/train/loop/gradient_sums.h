#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "processes/group.h"

namespace quench::train {

/// Sums gradients over all processes while the backward pass runs (Li et al. 2020, "PyTorch Distributed", section 3):
/// they are gathered in buckets in the order in which the first backward pass of rank 0 makes them, and the sum of a
/// bucket begins as soon as its last gradient is there and the bucket before has begun. So all processes sum the same
/// values in the same order, and a run that is resumed has the same sums as one that never stopped.
///
/// A parameter that has no gradient in some of the processes counts as 0 there; one that has none in any stays without.
class GradientSums {
 public:
  /// Keeps the tensors (leaves, float, all on one device) and the group. bucket_bytes: of a full bucket.
  GradientSums(const std::map<std::string, torch::Tensor>& parameters, processes::Group& group,
               int64_t bucket_bytes = int64_t{2} << 20);
  ~GradientSums();
  GradientSums(const GradientSums&) = delete;
  GradientSums& operator=(const GradientSums&) = delete;

  /// Before the backward pass whose gradients are summed.
  void begin();
  /// After it: all gradients are sums.
  void finish();

  int64_t buckets() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// The values, of which each gets a gradient (zeros where nothing depends on it) if any does. So the backward passes of
/// all processes run over the same operations, whatever their shares of a batch hold.
std::vector<torch::Tensor> with_gradients_of_all(const std::vector<torch::Tensor>& values);

}  // namespace quench::train
