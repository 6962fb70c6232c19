#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace quench::train {

/// While alive and on: CUDA operations of this thread run in float16 where that is safe (autocast, mixed precision of
/// Micikevicius et al. 2018). Off, it does nothing.
class Autocast {
 public:
  explicit Autocast(bool on);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  bool on_;
};

/// Dynamic loss scale (Micikevicius et al. 2018, section 3.2): float16 gradients underflow unless the loss is large.
/// Halved where a gradient overflowed (that step is skipped), doubled after 2000 good steps.
class LossScale {
 public:
  explicit LossScale(bool on) : on_(on) {}
  bool on() const { return on_; }
  double scale() const { return on_ ? scale_ : 1.0; }
  int64_t good_steps() const { return good_steps_; }
  void restore(double scale, int64_t good_steps);

  /// Divides the gradients by the scale, in place, and adapts it. False: a gradient is not finite; skip the step.
  bool unscale(const std::vector<torch::Tensor>& gradients);

 private:
  bool on_;
  double scale_ = 65536;
  int64_t good_steps_ = 0;
};

}  // namespace quench::train
