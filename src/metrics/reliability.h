#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace quench::metrics {

/// Predictions of about the same confidence.
struct ReliabilityBin {
  double low = 0, high = 1;  ///< confidences above `low` (the first: from 0) up to `high`
  int64_t count = 0;
  std::optional<double> confidence, accuracy;  ///< means over its predictions; none where there are none
};

/// How far a classifier's confidences are the shares of right answers.
struct Reliability {
  std::vector<ReliabilityBin> bins;
  std::optional<double> expected_error;  ///< sum of count / n |accuracy - confidence|; none where nothing is predicted
};

/// Bins that published figures are of.
inline constexpr int kReliabilityBins = 15;

/// Expected calibration error in bins of equal width (Guo, Pleiss, Sun & Weinberger 2017, "On calibration of modern
/// neural networks", equation 3). confidences: in [0,1], of the predicted class; right: as many, 0 or 1. Throws
/// Error{internal} for lists of other lengths and confidences outside.
Reliability reliability(std::span<const double> confidences, std::span<const uint8_t> right,
                        int bins = kReliabilityBins);

}  // namespace quench::metrics
