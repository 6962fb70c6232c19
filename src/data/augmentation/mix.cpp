#include "data/augmentation/mix.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace quench::data {
namespace {

/// lambda of the images themselves, the rest of their partners.
float blend_images(Batch& batch, const std::vector<int64_t>& partners, double lambda, std::vector<uint8_t>& scratch) {
  const auto own = static_cast<uint16_t>(std::lround(lambda * 256));
  const auto other = static_cast<uint16_t>(256 - own);
  const auto pixels = batch.images.mutable_values<uint8_t>();
  scratch.assign(pixels.begin(), pixels.end());
  const size_t image_bytes = pixels.size() / partners.size();
  for (size_t i = 0; i < partners.size(); ++i) {
    uint8_t* out = pixels.data() + i * image_bytes;
    const uint8_t* in = scratch.data() + static_cast<size_t>(partners[i]) * image_bytes;
    for (size_t p = 0; p < image_bytes; ++p) {
      out[p] = static_cast<uint8_t>(static_cast<uint16_t>(out[p] * own + in[p] * other + 128) >> 8);
    }
  }
  return static_cast<float>(own) / 256;
}

/// One box for the whole batch, of about 1 - lambda of the area, at a uniform centre, cut at the border.
float paste_boxes(Batch& batch, const std::vector<int64_t>& partners, double lambda, Rng& rng,
                  std::vector<uint8_t>& scratch) {
  const int64_t height = batch.images.shape()[1], width = batch.images.shape()[2];
  const double ratio = std::sqrt(1 - lambda);
  const auto half_h = static_cast<int64_t>(static_cast<double>(height) * ratio / 2);
  const auto half_w = static_cast<int64_t>(static_cast<double>(width) * ratio / 2);
  const auto cy = static_cast<int64_t>(rng.below(static_cast<uint64_t>(height)));
  const auto cx = static_cast<int64_t>(rng.below(static_cast<uint64_t>(width)));
  const int64_t top = std::max<int64_t>(cy - half_h, 0), bottom = std::min(cy + half_h, height);
  const int64_t left = std::max<int64_t>(cx - half_w, 0), right = std::min(cx + half_w, width);
  const auto pixels = batch.images.mutable_values<uint8_t>();
  scratch.assign(pixels.begin(), pixels.end());
  for (size_t i = 0; i < partners.size(); ++i) {
    for (int64_t y = top; y < bottom; ++y) {
      std::memcpy(pixels.data() + 3 * ((static_cast<int64_t>(i) * height + y) * width + left),
                  scratch.data() + 3 * ((partners[i] * height + y) * width + left),
                  static_cast<size_t>(3 * (right - left)));
    }
  }
  const auto pasted = static_cast<double>((bottom - top) * (right - left));
  return static_cast<float>(1 - pasted / static_cast<double>(height * width));
}

}  // namespace

void mix_batch(Batch& batch, const AugmentSettings& settings, Rng& rng, std::vector<uint8_t>& scratch) {
  const bool any = settings.mixup > 0 || settings.cutmix > 0;
  if (!any || batch.labels.empty() || !rng.chance(settings.mix_probability)) return;
  const bool cut = settings.mixup > 0 && settings.cutmix > 0 ? rng.chance(0.5) : settings.cutmix > 0;
  const double lambda = rng.beta(cut ? settings.cutmix : settings.mixup);
  const std::vector<int64_t> partners = permutation(static_cast<int64_t>(batch.labels.size()), rng);
  const float kept =
      cut ? paste_boxes(batch, partners, lambda, rng, scratch) : blend_images(batch, partners, lambda, scratch);
  for (int64_t partner : partners) batch.labels_b.push_back(batch.labels[static_cast<size_t>(partner)]);
  batch.lambda.assign(batch.labels.size(), kept);
}

}  // namespace quench::data
