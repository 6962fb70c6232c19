#include "data/augmentation/augment.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "config/tables.h"
#include "core/error.h"

namespace quench::data {

AugmentSettings AugmentSettings::from(const Json& values) {
  const Json checked = config::augment_options().checked(values.is_null() ? Json::object() : values, "augmentation");
  AugmentSettings out;
  out.crop_padding = checked.at("crop_padding").get<int>();
  out.flip = checked.at("flip").get<bool>();
  out.color_jitter = checked.at("color_jitter").get<double>();
  out.policy = checked.at("policy").get<std::string>();
  out.policy_magnitude = checked.at("policy_magnitude").get<double>();
  out.policy_ops = checked.at("policy_ops").get<int>();
  out.erasing = checked.at("erasing").get<double>();
  out.mixup = checked.at("mixup").get<double>();
  out.cutmix = checked.at("cutmix").get<double>();
  out.mix_probability = checked.at("mix_probability").get<double>();
  out.augment_off_epochs = checked.at("augment_off_epochs").get<int64_t>();
  out.mosaic = checked.at("mosaic").get<double>();
  out.mosaic_mixup = checked.at("mosaic_mixup").get<double>();
  out.degrees = checked.at("degrees").get<double>();
  out.translate = checked.at("translate").get<double>();
  out.scale = checked.at("scale").get<double>();
  out.shear = checked.at("shear").get<double>();
  out.perspective = checked.at("perspective").get<double>();
  out.hsv_h = checked.at("hsv_h").get<double>();
  out.hsv_s = checked.at("hsv_s").get<double>();
  out.hsv_v = checked.at("hsv_v").get<double>();
  return out;
}

void erase_random(Picture& picture, Rng& rng) {
  const double area = static_cast<double>(picture.height) * picture.width;
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double target = area * rng.uniform(0.02, 0.33);
    const double aspect = std::exp(rng.uniform(std::log(0.3), std::log(3.3)));
    const auto h = static_cast<int>(std::lround(std::sqrt(target * aspect)));
    const auto w = static_cast<int>(std::lround(std::sqrt(target / aspect)));
    if (h < 1 || w < 1 || h >= picture.height || w >= picture.width) continue;
    const auto top = static_cast<int64_t>(rng.below(static_cast<uint64_t>(picture.height - h + 1)));
    const auto left = static_cast<int64_t>(rng.below(static_cast<uint64_t>(picture.width - w + 1)));
    for (int64_t y = top; y < top + h; ++y) {
      uint8_t* row = picture.pixels.data() + 3 * (y * picture.width + left);
      for (int i = 0; i < 3 * w; i += 8) {
        const uint64_t noise = rng.next();
        std::memcpy(row + i, &noise, static_cast<size_t>(std::min(8, 3 * w - i)));
      }
    }
    return;
  }
}

void Augmenter::crop_and_flip(const uint8_t* source, int stride, int side, Rng& rng) {
  const int padding = settings_.crop_padding;
  const auto positions = static_cast<uint64_t>(2 * padding + 1);
  const int dy = padding ? static_cast<int>(rng.below(positions)) - padding : 0;
  const int dx = padding ? static_cast<int>(rng.below(positions)) - padding : 0;
  const bool flip = settings_.flip && rng.chance(0.5);
  picture_.resize(side, side);
  const int first = std::clamp(-dx, 0, side), last = std::clamp(side - dx, first, side);  // columns inside the source
  for (int y = 0; y < side; ++y) {
    uint8_t* out = picture_.pixels.data() + static_cast<int64_t>(y) * side * 3;
    const int from = y + dy;
    if (from < 0 || from >= side || first == last) {
      std::memset(out, 0, static_cast<size_t>(side) * 3);
      continue;
    }
    const uint8_t* in = source + static_cast<int64_t>(from) * stride + static_cast<int64_t>(first + dx) * 3;
    if (!flip) {
      std::memset(out, 0, static_cast<size_t>(first) * 3);
      std::memcpy(out + first * 3, in, static_cast<size_t>(last - first) * 3);
      std::memset(out + last * 3, 0, static_cast<size_t>(side - last) * 3);
      continue;
    }
    std::memset(out, 0, static_cast<size_t>(side - last) * 3);
    std::memset(out + (side - first) * 3, 0, static_cast<size_t>(first) * 3);
    uint8_t* to = out + (side - 1 - first) * 3;
    for (int x = first; x < last; ++x, in += 3, to -= 3) {
      to[0] = in[0];
      to[1] = in[1];
      to[2] = in[2];
    }
  }
}

void Augmenter::jitter_color(Rng& rng) {
  const double strength = settings_.color_jitter;
  for (int64_t operation : permutation(3, rng)) {
    const double factor = rng.uniform(1 - strength, 1 + strength);
    if (operation == 0) adjust_brightness(picture_, factor);
    if (operation == 1) adjust_contrast(picture_, factor);
    if (operation == 2) adjust_color(picture_, factor);
  }
}

void Augmenter::make(const Tensor& pixels, bool strong, Rng& rng, uint8_t* out) {
  const Shape& shape = pixels.shape();
  ensure(shape.size() == 3 && shape[2] == 3, "[data.augment] expected pixels [h,w,3], got {}", to_string(shape));
  const auto height = static_cast<int>(shape[0]), width = static_cast<int>(shape[1]);
  const uint8_t* source = pixels.values<uint8_t>().data();
  int side = std::min(height, width), stride = 3 * width;
  if (side > fit_.imgsz()) {
    side = fit_.imgsz();
    stride = 3 * side;
    shrunk_.resize(static_cast<size_t>(side) * side * 3);
    shrink_.fit(source, height, width, shrunk_.data());
    source = shrunk_.data();
  } else {
    source += static_cast<int64_t>((height - side) / 2) * stride + static_cast<int64_t>((width - side) / 2) * 3;
  }
  crop_and_flip(source, stride, side, rng);
  if (strong) {
    if (settings_.policy == "randaugment") {
      rand_augment(picture_, settings_.policy_ops, settings_.policy_magnitude, rng, scratch_);
    } else if (settings_.policy == "trivialaugment") {
      trivial_augment(picture_, rng, scratch_);
    }
    if (settings_.color_jitter > 0) jitter_color(rng);
    if (settings_.erasing > 0 && rng.chance(settings_.erasing)) erase_random(picture_, rng);
  }
  fit_.fit(picture_.pixels.data(), side, side, out);
}

}  // namespace quench::data
