#include "data/pictures/codec.h"

#include <opencv2/imgcodecs.hpp>

namespace quench::data {

cv::Mat decode_picture(const cv::Mat& bytes) { return cv::imdecode(bytes, cv::IMREAD_COLOR); }

bool encode_picture(const std::string& extension, const cv::Mat& bgr, std::vector<uint8_t>& bytes,
                    const std::vector<int>& parameters) {
  return cv::imencode(extension, bgr, bytes, parameters);
}

}  // namespace quench::data

/// What libquench_codec.so is opened for, and all that it shows: its functions have the names of those that call them.
extern "C" __attribute__((visibility("default"))) const quench::data::Codec quench_codec;
const quench::data::Codec quench_codec{&quench::data::decode_picture, &quench::data::encode_picture};
