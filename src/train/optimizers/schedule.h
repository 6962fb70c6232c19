#pragma once

#include <cstdint>
#include <string>

namespace quench::train {

/// Learning rate as a function of the step: linear warm-up (Goyal et al. 2017, section 2.2), then cosine
/// (Loshchilov & Hutter 2017, eq. 5, one cycle), linear, or constant.
struct Schedule {
  std::string shape = "cosine";  ///< cosine | linear | constant
  double peak = 0.1;
  double final_fraction = 0;  ///< of the peak, reached at step `total_steps`
  int64_t warmup_steps = 0;
  int64_t total_steps = 1;

  /// Learning rate of step 0 .. total_steps-1. Step t of the warm-up has peak * (t + 1) / warmup_steps; after it,
  /// with p = (t - warmup_steps) / (total_steps - warmup_steps), cosine has
  /// peak * (f + (1 - f) * (1 + cos(pi p)) / 2) and linear peak * (1 - (1 - f) p). Constant ignores final_fraction.
  /// Throws Error{config} for another shape.
  double at(int64_t step) const;
};

}  // namespace quench::train
