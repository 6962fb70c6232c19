#pragma once

#include "data/sets/dataset.h"

namespace quench::data {

/// Whether the name ends as an image that is read: png, jpg, jpeg, bmp, webp in any case.
bool is_image(const std::filesystem::path& path);

/// Decodes a png, jpeg, bmp or webp to [h,w,3] uint8 RGB (EXIF orientation applied).
/// Throws Error{io} for a missing file, Error{data} naming the file where it does not decode.
Tensor read_image(const std::filesystem::path& path);

/// train/<class>/*.{png,jpg,jpeg,bmp,webp}, and test/ (or val/) likewise. Classes are the sorted folder names of
/// train/. Images decode in at(). digest(): sha256 of relative paths and file contents, at the first call.
/// Throws Error{io} where a folder is missing; Error{data} where a class has no image or test has a class that train
/// has not.
Splits open_image_folder(const std::filesystem::path& folder);

}  // namespace quench::data
