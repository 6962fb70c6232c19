#include "data/augmentation/mix.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace quench::data {
namespace {

/// lambda of the images themselves, the rest of their partners.
float blend_images(Batch& batch, const Mix& mix, std::vector<uint8_t>& scratch) {
  const auto own = static_cast<uint16_t>(std::lround(mix.lambda * 256));
  const auto other = static_cast<uint16_t>(256 - own);
  const auto pixels = batch.images.mutable_values<uint8_t>();
  scratch.assign(pixels.begin(), pixels.end());
  const size_t image_bytes = pixels.size() / mix.partners.size();
  for (size_t i = 0; i < mix.partners.size(); ++i) {
    uint8_t* out = pixels.data() + i * image_bytes;
    const uint8_t* in = scratch.data() + static_cast<size_t>(mix.partners[i]) * image_bytes;
    for (size_t p = 0; p < image_bytes; ++p) {
      out[p] = static_cast<uint8_t>(static_cast<uint16_t>(out[p] * own + in[p] * other + 128) >> 8);
    }
  }
  return static_cast<float>(own) / 256;
}

float paste_boxes(Batch& batch, const Mix& mix, std::vector<uint8_t>& scratch) {
  const int64_t height = batch.images.shape()[1], width = batch.images.shape()[2];
  const auto pixels = batch.images.mutable_values<uint8_t>();
  scratch.assign(pixels.begin(), pixels.end());
  for (size_t i = 0; i < mix.partners.size(); ++i) {
    for (int64_t y = mix.top; y < mix.bottom; ++y) {
      std::memcpy(pixels.data() + 3 * ((static_cast<int64_t>(i) * height + y) * width + mix.left),
                  scratch.data() + 3 * ((mix.partners[i] * height + y) * width + mix.left),
                  static_cast<size_t>(3 * (mix.right - mix.left)));
    }
  }
  const auto pasted = static_cast<double>((mix.bottom - mix.top) * (mix.right - mix.left));
  return static_cast<float>(1 - pasted / static_cast<double>(height * width));
}

void draw_box(Mix& mix, int64_t height, int64_t width, Rng& rng) {
  const double ratio = std::sqrt(1 - mix.lambda);
  const auto half_h = static_cast<int64_t>(static_cast<double>(height) * ratio / 2);
  const auto half_w = static_cast<int64_t>(static_cast<double>(width) * ratio / 2);
  const auto cy = static_cast<int64_t>(rng.below(static_cast<uint64_t>(height)));
  const auto cx = static_cast<int64_t>(rng.below(static_cast<uint64_t>(width)));
  mix.top = std::max<int64_t>(cy - half_h, 0);
  mix.bottom = std::min(cy + half_h, height);
  mix.left = std::max<int64_t>(cx - half_w, 0);
  mix.right = std::min(cx + half_w, width);
}

}  // namespace

std::optional<Mix> draw_mix(int64_t images, int64_t height, int64_t width, const AugmentSettings& settings, Rng& rng) {
  const bool any = settings.mixup > 0 || settings.cutmix > 0;
  if (!any || images == 0 || !rng.chance(settings.mix_probability)) return std::nullopt;
  Mix mix;
  mix.cut = settings.mixup > 0 && settings.cutmix > 0 ? rng.chance(0.5) : settings.cutmix > 0;
  mix.lambda = rng.beta(mix.cut ? settings.cutmix : settings.mixup);
  mix.partners = permutation(images, rng);
  if (mix.cut) draw_box(mix, height, width, rng);
  return mix;
}

void mix_batch(Batch& batch, const Mix& mix, std::vector<uint8_t>& scratch) {
  const float kept = mix.cut ? paste_boxes(batch, mix, scratch) : blend_images(batch, mix, scratch);
  for (const int64_t partner : mix.partners) batch.labels_b.push_back(batch.labels[static_cast<size_t>(partner)]);
  batch.lambda.assign(batch.labels.size(), kept);
}

}  // namespace quench::data
