#pragma once

#include <torch/types.h>

#include <map>
#include <string>

#include "nn/graph_module.h"

namespace quench::train {

/// Weights whose integers turn back and forth, found and frozen (Nagel et al. 2022, section 4.2, algorithm 1). After
/// each step, of each weight with integer q and last change d of it:
///
///     o = 1 where q changed, and against the direction of the change before; else 0
///     f <- m o + (1 - m) f        mean <- m q + (1 - m) mean
///     where f > threshold: q = round(mean) from now on
///
/// A frozen weight stands at s q, whatever its scale does and whatever gradients and momenta say.
class Oscillations {
 public:
  /// Begins with the integers that the module's weights have now. threshold, momentum: in (0, 1].
  Oscillations(const nn::GraphModule& module, double threshold, double momentum);

  /// After a step of the optimizer: looks at the integers, and moves frozen weights back. Without gradients.
  void after_step(const nn::GraphModule& module);
  /// How many weights are frozen.
  int64_t frozen() const;
  /// `<weight>/integer`, `direction`, `frequency`, `mean` and `frozen` (0 or 1), float32: to read, and to copy a
  /// checkpoint into.
  std::map<std::string, torch::Tensor> state() const;

 private:
  struct Seen {
    torch::Tensor integer, direction, frequency, mean, frozen;
  };
  std::map<std::string, Seen> seen_;
  double threshold_, momentum_;
};

/// Sum over weights of (s q - w)^2, q the nearest integer, w the weight inside the range; 0 where it is clamped (Nagel
/// et al. 2022, section 4.1). The gradient goes to the weights alone, not to scales nor to what they are rounded to.
torch::Tensor damping_penalty(const nn::GraphModule& module);

/// What the penalty is multiplied by at a share of the training in [0,1]: `factor`, or half a cosine from 0 up to it.
double damping_at(double factor, bool cosine, double share);

}  // namespace quench::train
