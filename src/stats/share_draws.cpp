#include "stats/share_draws.h"

#include <array>

#include "core/error.h"
#include "stats/draws.h"

namespace quench::stats {
namespace {

constexpr int64_t kMostKept = int64_t{1} << 28;  // bytes
/// Sums of so many images of at most 255 times fit 16 bits.
constexpr size_t kSumImages = 256;

/// In how many of the drawn images the answer is right, by lane.
std::array<int64_t, kLanes> count_right(std::span<const uint8_t> right, const std::vector<uint8_t>& times) {
  std::array<int64_t, kLanes> counts{};
  for (size_t begin = 0; begin < right.size(); begin += kSumImages) {
    const size_t end = std::min(right.size(), begin + kSumImages);
    std::array<uint16_t, kLanes> sums{};
    for (size_t i = begin; i < end; ++i) {
      const auto hit = static_cast<uint16_t>(right[i] != 0);
      const uint8_t* of_image = times.data() + i * kLanes;
      for (size_t lane = 0; lane < kLanes; ++lane)
        sums[lane] = static_cast<uint16_t>(sums[lane] + hit * of_image[lane]);
    }
    for (size_t lane = 0; lane < kLanes; ++lane) counts[lane] += sums[lane];
  }
  return counts;
}

}  // namespace

const std::vector<uint8_t>& ShareDraws::block(int64_t images, int64_t block, std::vector<uint8_t>& own) {
  if (images != images_) {
    images_ = images;
    blocks_.clear();
  }
  const auto place = static_cast<size_t>(block);
  if (place < blocks_.size()) return blocks_[place];
  const std::vector<float> drawn = draw_images(images, seed_, block);
  own.clear();
  for (const float times : drawn) own.push_back(static_cast<uint8_t>(times));
  if (place != blocks_.size() || images * replicates_ > kMostKept) return own;
  return blocks_.emplace_back(std::move(own));
}

Replicates ShareDraws::of(std::span<const uint8_t> right) {
  ensure(!right.empty(), "[stats.share] expected images, got none");
  const auto images = static_cast<int64_t>(right.size());
  Replicates result;
  for (const uint8_t hit : right) result.value += hit != 0;
  result.value /= static_cast<double>(images);
  std::vector<uint8_t> own;
  for (int64_t b = 0; b * kLanes < replicates_; ++b) {
    const std::array<int64_t, kLanes> counts = count_right(right, block(images, b, own));
    for (int64_t lane = 0; lane < kLanes && b * kLanes + lane < replicates_; ++lane) {
      result.resampled.push_back(static_cast<double>(counts[static_cast<size_t>(lane)]) / static_cast<double>(images));
    }
  }
  return result;
}

Replicates share_replicates(std::span<const uint8_t> right, int64_t replicates, uint64_t seed) {
  return ShareDraws(replicates, seed).of(right);
}

}  // namespace quench::stats
