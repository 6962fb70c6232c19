#pragma once

#include <cstdint>
#include <vector>

#include "core/tensor.h"

namespace quench::pixels {

/// Resizes [h,w,3] to [imgsz,imgsz,3]: bilinear when enlarging, area when shrinking; a non-square image is
/// resized so that its short side fits and cropped at its centre.
Tensor fit_image(const Tensor& pixels, int imgsz);

/// fit_image for one size of images after another: keeps its tables and scratch memory. Not for sharing by threads.
/// Bilinear: sample centres at (x + 0.5) * scale - 0.5, border replicated, 11-bit weights (as cv::resize INTER_LINEAR).
/// Area: each output is the mean of the source area under it (as cv::resize INTER_AREA). Rounds half up.
class Fitter {
 public:
  explicit Fitter(int imgsz) : imgsz_(imgsz) {}
  int imgsz() const { return imgsz_; }
  /// source: [height,width,3] interleaved; out: imgsz * imgsz * 3 bytes.
  void fit(const uint8_t* source, int height, int width, uint8_t* out);

 private:
  /// Where each output of one axis comes from: weights[i*taps .. +taps) of the sources from first[i] on.
  struct Axis {
    int taps = 0;
    std::vector<int> first;
    std::vector<float> weights;  ///< area
    std::vector<int16_t> fixed;  ///< bilinear: two weights each, that sum to 2048
  };
  void prepare(int height, int width);
  Axis make_axis(int source, int resized) const;
  void enlarge_double(const uint8_t* source, int side, uint8_t* out);
  void enlarge(const uint8_t* source, int width, uint8_t* out);
  void shrink(const uint8_t* source, int width, uint8_t* out);

  int imgsz_;
  int height_ = 0;
  int width_ = 0;
  Axis rows_, columns_;
  std::vector<uint8_t> bytes_;
  std::vector<int32_t> integers_;
  std::vector<float> floats_;
};

}  // namespace quench::pixels
