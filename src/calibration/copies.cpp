#include "calibration/copies.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <numeric>

namespace quench::calibration {
namespace {

using Thumbnail = decltype(Look::thumbnail);

int sum_of(const Thumbnail& thumbnail) { return std::accumulate(thumbnail.begin(), thumbnail.end(), 0); }

int distance(const Thumbnail& a, const Thumbnail& b) {
  int sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += std::abs(int{a[i]} - int{b[i]});
  return sum;
}

/// Of the sums of absolute differences.
constexpr int kMost = static_cast<int>(kNear * Look::kSide * Look::kSide * 3);

}  // namespace

std::vector<Copy> copies_among(const std::vector<const Look*>& looks) {
  std::map<std::string, size_t> first_of;
  std::map<size_t, Copy> found;
  std::vector<std::pair<int, size_t>> by_sum;  // thumbnails whose sums differ more cannot be near
  for (size_t i = 0; i < looks.size(); ++i) {
    const auto [first, is_new] = first_of.emplace(looks[i]->sha256, i);
    if (!is_new) {
      found[i] = {i, first->second, true};
    } else if (looks[i]->deviation >= kFlat) {
      by_sum.emplace_back(sum_of(looks[i]->thumbnail), i);
    }
  }
  std::ranges::sort(by_sum);
  for (size_t a = 0; a < by_sum.size(); ++a) {
    for (size_t b = a + 1; b < by_sum.size() && by_sum[b].first - by_sum[a].first < kMost; ++b) {
      const size_t earlier = std::min(by_sum[a].second, by_sum[b].second);
      const size_t later = std::max(by_sum[a].second, by_sum[b].second);
      if (distance(looks[earlier]->thumbnail, looks[later]->thumbnail) >= kMost) continue;
      const auto known = found.find(later);
      if (known == found.end() || known->second.of > earlier) found[later] = {later, earlier, false};
    }
  }
  std::vector<Copy> out;
  for (const auto& [picture, copy] : found) out.push_back(copy);
  return out;
}

}  // namespace quench::calibration
