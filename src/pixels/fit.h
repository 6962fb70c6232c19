#pragma once

#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "pixels/preparation.h"

namespace quench::pixels {

/// Prepares [h,w,3] as [imgsz,imgsz,3]. By default, bilinear when enlarging, area when shrinking; a non-square image is
/// resized so that its short side fits and cropped at its centre. Any other way is exact in the integers of what it is
/// made after: torchvision's for the antialiased filters (the long side rounded down, the crop's place rounded half to
/// even, zeros where the picture is smaller than the crop), OpenCV's cv::resize for the bilinear one.
/// Throws Error{data} for other pixels, Error{config} for an imgsz below 1 and what check(preparation) refuses.
Tensor fit_image(const Tensor& pixels, int imgsz, const Preparation& preparation = {});

/// fit_image for one size of images after another: keeps its tables and scratch memory. Not for sharing by threads.
/// Bilinear: sample centres at (x + 0.5) * scale - 0.5, border replicated, 11-bit weights (as cv::resize INTER_LINEAR).
/// Area: each output is the mean of the source area under it (as cv::resize INTER_AREA). Rounds half up.
class Fitter {
 public:
  /// preparation: one that check() takes.
  explicit Fitter(int imgsz, const Preparation& preparation = {}) : imgsz_(imgsz), preparation_(preparation) {}
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
  Preparation preparation_;
  int height_ = 0;
  int width_ = 0;
  Axis rows_, columns_;
  std::vector<uint8_t> bytes_;
  std::vector<int32_t> integers_;
  std::vector<float> floats_;
};

}  // namespace quench::pixels
