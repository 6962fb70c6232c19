#include "train/loop/recent_speed.h"

#include <cmath>

namespace quench::train {
namespace {

constexpr double kMemorySeconds = 60;

}  // namespace

void RecentSpeed::add(int64_t images, double seconds) {
  const double kept = std::exp(-seconds / kMemorySeconds);
  images_ = images_ * kept + static_cast<double>(images);
  seconds_ = seconds_ * kept + seconds;
}

double RecentSpeed::images_per_second() const { return seconds_ > 0 ? images_ / seconds_ : 0; }

}  // namespace quench::train
