#include "prune/mutual_information.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "core/error.h"

namespace quench::prune {
namespace {

constexpr int64_t kPairsInACell = 5;
constexpr int64_t kFewestBins = 2, kMostBins = 16;

/// The bin of each value: the number of quantiles that it reaches.
std::vector<int32_t> bins_of(std::span<const double> x, int64_t count) {
  std::vector<double> sorted(x.begin(), x.end());
  std::ranges::sort(sorted);
  std::vector<double> quantiles;
  for (int64_t b = 1; b < count; ++b) {
    quantiles.push_back(sorted[static_cast<size_t>(b * static_cast<int64_t>(sorted.size()) / count)]);
  }
  std::vector<int32_t> bins;
  for (const double value : x) {
    bins.push_back(static_cast<int32_t>(std::ranges::upper_bound(quantiles, value) - quantiles.begin()));
  }
  return bins;
}

/// Of the distribution that the cells were drawn from.
template <typename Cells>
double entropy(const Cells& cells, double total) {
  double sum = 0;
  for (const auto& [cell, count] : cells) sum -= count / total * std::log(count / total);
  return sum + static_cast<double>(cells.size() - 1) / (2 * total);
}

}  // namespace

double mutual_information(std::span<const double> x, std::span<const int32_t> labels) {
  ensure(x.size() == labels.size(), "[prune.mutual_information] expected {} labels, got {}", x.size(), labels.size());
  if (!std::ranges::all_of(x, [](double value) { return std::isfinite(value); })) {
    fail(ErrorKind::data, "[prune.mutual_information] expected finite values, got one that is not");
  }
  const std::set<int32_t> classes(labels.begin(), labels.end());
  if (classes.size() < 2) return 0;
  const auto pairs = static_cast<int64_t>(x.size());
  const int64_t count =
      std::clamp(pairs / (kPairsInACell * static_cast<int64_t>(classes.size())), kFewestBins, kMostBins);
  const std::vector<int32_t> bins = bins_of(x, count);
  std::map<int32_t, double> of_bins, of_labels;
  std::map<std::pair<int32_t, int32_t>, double> both;
  for (size_t i = 0; i < bins.size(); ++i) {
    ++of_bins[bins[i]];
    ++of_labels[labels[i]];
    ++both[{bins[i], labels[i]}];
  }
  if (of_bins.size() < 2) return 0;
  const auto total = static_cast<double>(pairs);
  return entropy(of_bins, total) + entropy(of_labels, total) - entropy(both, total);
}

int64_t fewest_pairs(int64_t classes) { return kPairsInACell * kFewestBins * classes; }

}  // namespace quench::prune
