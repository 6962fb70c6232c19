#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace quench::data {

/// An image while it is augmented: [height,width,3] uint8 RGB.
struct Picture {
  int height = 0;
  int width = 0;
  std::vector<uint8_t> pixels;

  void resize(int new_height, int new_width) {
    height = new_height;
    width = new_width;
    pixels.resize(static_cast<size_t>(height) * width * 3);
  }
};

// The operations of AutoAugment's family, in place, with the arithmetic of PIL, on which the papers' results stand.

/// output(x, y) = input(a x + b y + c, d x + e y + f) at pixel centres, nearest; black outside.
struct Affine {
  double a = 1, b = 0, c = 0, d = 0, e = 1, f = 0;
};
void warp(Picture& picture, const Affine& inverse, std::vector<uint8_t>& scratch);
/// Turns by `degrees` counter-clockwise about the centre.
Affine rotation(double degrees, int height, int width);

/// Blends with black (brightness), with gray (color), with the mean gray (contrast), with a smoothed image (sharpness):
/// factor 1 keeps the image, 0 gives the other, above 1 extrapolates.
void adjust_brightness(Picture& picture, double factor);
void adjust_color(Picture& picture, double factor);
void adjust_contrast(Picture& picture, double factor);
void adjust_sharpness(Picture& picture, double factor, std::vector<uint8_t>& scratch);

/// Keeps the upper `bits` bits, 0 to 8.
void posterize(Picture& picture, int bits);
/// Inverts values of `threshold` and above.
void solarize(Picture& picture, double threshold);
/// Stretches each channel to [0,255].
void autocontrast(Picture& picture);
/// Equalizes each channel's histogram.
void equalize(Picture& picture);

}  // namespace quench::data
