#pragma once

#include <string_view>

#include "data/sets/dataset.h"

namespace quench::data {

/// What one YOLO label file says, and what is wrong with it.
struct YoloLabels {
  std::vector<Object> objects;     ///< boxes in pixels of the image, inside it
  std::vector<LabelIssue> issues;  ///< in order of line
};

/// Reads a YOLO label file: a row an object, `class cx cy w h` with centre and size as shares of the image, or
/// `class x y x y x y ...` with 3 or more corners of a segment, of which the box is taken. Blank rows are skipped.
///
/// A row is left out, and an issue says why, where a number does not read (kind "numbers") or is not finite
/// ("not_finite"), their count is neither 5 nor a class and 3 or more corners ("numbers"), the class is not an integer
/// in 0..class_count-1 ("class"), a coordinate is more than 0.01 outside [0,1] or nothing of the box is inside the
/// image
/// ("outside"), a size is 0 or below ("size"), or the row says the same as an earlier one ("duplicate"). A box that
/// reaches over the image's border is clipped; an issue says so ("clipped") beyond 1e-4 of the image, below which it is
/// rounding. file: for the issues. Never throws for any text.
YoloLabels parse_yolo_labels(std::string_view text, const std::string& file, int64_t class_count, int height,
                             int width);

}  // namespace quench::data
