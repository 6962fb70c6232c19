#pragma once

#include <cstddef>
#include <vector>

#include "calibration/look.h"

namespace quench::calibration {

/// A picture that is as another before it.
struct Copy {
  size_t picture = 0, of = 0;
  bool exact = false;  ///< to the bit; else their thumbnails are nearly the same
  bool operator==(const Copy&) const = default;
};

/// Thumbnails that differ less than this on average, in steps of 255, are of one picture.
inline constexpr double kNear = 4;

/// Each picture once, with the first that it is a copy of; exact copies are preferred to near ones. looks: of pictures
/// in order; flat ones count as copies where they are exact alone.
std::vector<Copy> copies_among(const std::vector<const Look*>& looks);

}  // namespace quench::calibration
