#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

namespace quench::metrics {

/// A copy of true boxes or detections by category, then image; `before(a, b)` decides between elements of one group,
/// then the order of adding.
template <typename T, typename Before>
std::vector<T> grouped(const std::vector<T>& elements, Before before) {
  std::vector<uint32_t> order(elements.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](uint32_t i, uint32_t j) {
    const T &a = elements[i], &b = elements[j];
    if (a.category_id != b.category_id) return a.category_id < b.category_id;
    if (a.image_id != b.image_id) return a.image_id < b.image_id;
    if (before(a, b)) return true;
    if (before(b, a)) return false;
    return i < j;
  });
  std::vector<T> sorted;
  sorted.reserve(elements.size());
  for (const uint32_t i : order) sorted.push_back(elements[i]);
  return sorted;
}

/// Splits off the leading elements for which `same` holds.
template <typename T, typename Same>
std::span<const T> take_while(std::span<const T>& rest, Same same) {
  const auto end = std::find_if_not(rest.begin(), rest.end(), same);
  const std::span<const T> taken = rest.first(static_cast<size_t>(end - rest.begin()));
  rest = rest.subspan(taken.size());
  return taken;
}

}  // namespace quench::metrics
