#pragma once

#include <string>
#include <string_view>

#include "core/tensor.h"

namespace quench::picture_files {

/// What a picture may have at most: more is refused before memory is taken for it.
inline constexpr int64_t kMostPixels = 100'000'000;
inline constexpr int kLargestSide = 65535;

/// The kind of a picture by its first bytes: "jpeg", "png", "ppm"; "" for what is none of these.
std::string picture_kind(std::string_view bytes);

/// Whether a file name ends as one of a picture that is read: jpg, jpeg, png, ppm, in any case.
bool is_picture_name(std::string_view name);

/// A picture file's bytes as [h,w,3] uint8 RGB, the same as OpenCV's imread gives (as BGR): JPEG (baseline and
/// progressive, gray, YCbCr, CMYK), turned as its EXIF says; PNG (of 16 bits the upper 8, without alpha); binary PPM of
/// 8 bits. where: names it in messages. Throws Error{data} for another kind, for what is damaged or cut short, and for
/// what is larger than above. Bytes may come from anywhere.
/// used: a picture that nobody needs any more, into whose memory a JPEG of the same size goes.
Tensor decode_picture(std::string_view bytes, std::string_view where, Tensor used = {});

}  // namespace quench::picture_files
