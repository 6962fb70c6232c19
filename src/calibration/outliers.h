#pragma once

#include <vector>

#include "calibration/pictures.h"

namespace quench::calibration {

/// How far the statistics of each picture's activations lie from those of the others: over the groups' means and
/// logarithms of standard deviations, the mean of |z|, each at most 50, with z = (x - median) / (1.4826 MAD) (Iglewicz
/// and Hoaglin 1993; MAD the median of |x - median|). Of a normal distribution it is 0.8 on average. Statistics that
/// are the same in half of the pictures are left out.
std::vector<double> strangeness(const std::vector<Picture>& pictures);

/// Above this, a picture is from another world: of 3,000 of CIFAR-100's images four come above it with yolov5n-cls,
/// white noise has 3.5 to 3.7 among them.
inline constexpr double kStrange = 2.5;

/// What one picture of a choice does to ranges of least and largest values.
struct Influence {
  size_t picture = 0;
  int64_t ends = 0;  ///< of ranges that it alone sets
  double share = 0;  ///< of the ranges that goes away without it, the mean over groups
};

/// Leaves out each picture alone; those that change nothing are not there. The most influential first, ties in order.
/// chosen: positions in `pictures`.
std::vector<Influence> influences(const std::vector<Picture>& pictures, const std::vector<size_t>& chosen);

/// A choice without the `count` most influential of its pictures.
std::vector<size_t> without_most_influential(const std::vector<Picture>& pictures, const std::vector<size_t>& chosen,
                                             int64_t count);

}  // namespace quench::calibration
