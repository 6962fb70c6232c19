#pragma once

#include <cstdint>

namespace quench::train {

/// Images a second as they are now, for people: an average whose weights fall by 1/e in a minute, so that what a stop
/// or other work slowed down long ago does not spoil the time that is left.
class RecentSpeed {
 public:
  /// More images were trained on, `seconds` after those before.
  void add(int64_t images, double seconds);
  /// 0 before the first images.
  double images_per_second() const;

 private:
  double images_ = 0, seconds_ = 0;
};

}  // namespace quench::train
