#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/sets/dataset.h"

namespace quench::data {

/// Kinds of pictures that are made without data: noise, gray, fractal, leaves.
const std::vector<std::string>& made_picture_kinds();

/// Pictures without data and without labels, for calibration where there are no images: the plain controls of
/// data-free methods. Each is a function of (kind, side, seed, index) alone.
///
/// noise: every value uniform in 0..255. gray: one gray value a picture. fractal: three correlated fields of midpoint
/// displacement (Fournier, Fussell, Carpenter 1982), whose power falls with frequency as that of photographs does.
/// leaves: dead leaves, discs of radii with density r^-3 and of any colour that cover one another (Lee, Mumford, Huang
/// 2001; as training images: Baradad et al. 2021), each shaded by a fractal.
class MadePictures final : public Dataset {
 public:
  /// side: of the square pictures, in pixels. Throws Error{config} for an unknown kind.
  MadePictures(std::string kind, int side, int64_t count, uint64_t seed);

  int64_t size() const override { return count_; }
  const std::vector<std::string>& classes() const override { return classes_; }
  int32_t label(int64_t) const override { return -1; }
  Sample at(int64_t index) const override;
  std::string digest() const override;

 private:
  std::string kind_;
  int side_;
  int64_t count_;
  uint64_t seed_;
  std::vector<std::string> classes_;
};

}  // namespace quench::data
