#pragma once

#include <cstdint>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

namespace quench::data {

/// Picture formats, in OpenCV's own terms. OpenCV's library of them brings GDAL and some hundred more, which takes
/// longer to load than a command that decodes nothing runs; so it is called here alone, and libquench_data.so opens it
/// at the first picture (codec_opened.cpp).

/// The picture in a file's bytes ([1,n] uint8) as BGR; empty where it is none. May throw cv::Exception.
cv::Mat decode_picture(const cv::Mat& bytes);

/// A BGR picture as the bytes of a file; the format by extension (".png"). parameters: pairs of cv::ImwriteFlags and
/// values. False where the format cannot be written. May throw cv::Exception.
bool encode_picture(const std::string& extension, const cv::Mat& bgr, std::vector<uint8_t>& bytes,
                    const std::vector<int>& parameters = {});

/// Both, as libquench_codec.so gives them under the name kCodecEntry.
struct Codec {
  decltype(&decode_picture) decode;
  decltype(&encode_picture) encode;
};
inline constexpr const char* kCodecEntry = "quench_codec";

}  // namespace quench::data
