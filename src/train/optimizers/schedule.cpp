#include "train/optimizers/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"

namespace quench::train {

double Schedule::at(int64_t step) const {
  if (step < warmup_steps) return peak * static_cast<double>(step + 1) / static_cast<double>(warmup_steps);
  const double rest = static_cast<double>(std::max<int64_t>(1, total_steps - warmup_steps));
  const double progress = std::clamp(static_cast<double>(step - warmup_steps) / rest, 0.0, 1.0);
  if (shape == "constant") return peak;
  if (shape == "linear") return peak * (1 - (1 - final_fraction) * progress);
  if (shape == "cosine") {
    return peak * (final_fraction + (1 - final_fraction) * (1 + std::cos(std::numbers::pi * progress)) / 2);
  }
  fail(ErrorKind::config, "[train.schedule] expected cosine, linear or constant, got '{}'", shape);
}

}  // namespace quench::train
