#pragma once

#include <string>
#include <vector>

#include "devices/fit.h"

namespace quench::devices {

/// Factors of a device that few latencies are known of.
struct NewDeviceFit {
  Factors factors{};
  /// 90 % of |ln(forecast / measured)| where each model is left out in turn, but at least the 0.1 that the form by
  /// layers is off by where many latencies are known.
  double error = 0;
};

/// Starts from each of `others` in turn (entries of the engine, those of the runtime first) and, where there are enough
/// models, from nothing, and takes the start that forecasts models best that are left out. Two latencies or fewer
/// cannot tell: they take the first. All points are of one device and runtime. Throws Error{internal} for no points.
NewDeviceFit fit_new_device(const std::vector<FitPoint>& own, const std::vector<RuntimeFit>& others);

/// Which of `candidates` (terms of a model at a size, and what names the model) to measure: one after another, each the
/// one that makes the determinant of the information matrix of the factors largest (D-optimal design: Fedorov 1972,
/// Theory of Optimal Experiments), each model once while there are others. Rows are relative to the latency that
/// `reference` forecasts; without any (all 0), every term counts alike. Throws Error{config} for fewer candidates than
/// `count`.
struct Candidate {
  std::string model;
  Terms terms{};
};
std::vector<size_t> plan_measurements(const std::vector<Candidate>& candidates, const Form& form,
                                      const Factors& reference, int64_t count);

/// Every device and runtime with 30 latencies or more, as if it were new: its `count` planned latencies are known, and
/// all of other devices; the rest are forecast.
std::vector<HeldOut> new_device_trial(const std::vector<FitPoint>& points, int64_t count);

}  // namespace quench::devices
