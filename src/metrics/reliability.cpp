#include "metrics/reliability.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace quench::metrics {

Reliability reliability(std::span<const double> confidences, std::span<const uint8_t> right, int bins) {
  ensure(confidences.size() == right.size() && bins > 0, "[metrics.reliability] expected {} answers, got {}",
         confidences.size(), right.size());
  struct Sums {
    double confidence = 0;
    int64_t right = 0;
  };
  Reliability result;
  std::vector<Sums> sums(static_cast<size_t>(bins));
  for (int b = 0; b < bins; ++b) {
    ReliabilityBin& bin = result.bins.emplace_back();
    bin.low = static_cast<double>(b) / bins;
    bin.high = static_cast<double>(b + 1) / bins;
  }
  for (size_t i = 0; i < confidences.size(); ++i) {
    const double confidence = confidences[i];
    ensure(confidence >= 0 && confidence <= 1, "[metrics.reliability] expected a confidence in [0,1], got {}",
           confidence);
    const auto bin = std::ranges::lower_bound(result.bins, confidence, {}, &ReliabilityBin::high);
    ++bin->count;
    Sums& of_bin = sums[static_cast<size_t>(bin - result.bins.begin())];
    of_bin.confidence += confidence;
    of_bin.right += right[i] != 0;
  }
  double error = 0;
  for (size_t b = 0; b < sums.size(); ++b) {
    ReliabilityBin& bin = result.bins[b];
    if (bin.count == 0) continue;
    const auto count = static_cast<double>(bin.count);
    bin.confidence = sums[b].confidence / count;
    bin.accuracy = static_cast<double>(sums[b].right) / count;
    error += count / static_cast<double>(confidences.size()) * std::abs(*bin.accuracy - *bin.confidence);
  }
  if (!confidences.empty()) result.expected_error = error;
  return result;
}

}  // namespace quench::metrics
