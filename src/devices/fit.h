#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "devices/latency_fit.h"
#include "devices/least_squares.h"

namespace quench::devices {

/// What is left out together: points of one text.
using GroupOf = std::function<std::string(const FitPoint&)>;

/// A forecast of an anchor that was left out.
struct HeldOut {
  const FitPoint* point;
  double forecast_ns;
  double
      gflops_ns;  ///< from GFLOPs alone: time / GFLOPs of what was not left out, of the same device where there is any
  double spread = 0;  ///< half the 90 % interval's width in logarithms, where the fit has its own; 0: it has none

  double relative() const { return forecast_ns / point->latency_ns - 1; }
  double log_error() const { return std::log(forecast_ns / point->latency_ns); }
};

/// Leaves out, in turn, every group (everywhere; what the rest tells of a device stays) of each engine and runtime.
std::vector<HeldOut> leave_one_out(const std::vector<FitPoint>& points, const GroupOf& group_of);

/// The group of a model: its family, depth and width, whatever the size of the image.
std::string model_group(const FitPoint& point);

/// Leaves out, in turn, every model, or every device. What cannot be forecast then (the only device of a runtime) is
/// left out of the result.
std::vector<HeldOut> leave_one_model_out(const std::vector<FitPoint>& points);
std::vector<HeldOut> leave_one_device_out(const std::vector<FitPoint>& points);

/// Share of `tested` that lies within a 90 % interval made from `reference` without the point's own group, of the same
/// runtime and, with `same_device`, device; or within the point's own spread.
double covered(const std::vector<HeldOut>& tested, const std::vector<HeldOut>& reference, const GroupOf& group_of,
               bool same_device);

/// Indices of points that 30 or more of the same device and runtime contradict: off by more than a factor of 1.6 where
/// their models are left out, the worst taken out first, a tenth of all at most. They were measured in another way (on
/// one thread, say) and are no help to a fit.
std::vector<size_t> contradictions(const std::vector<FitPoint>& points);

/// Median, mean and largest of |forecast / measured - 1|, the share that is at most 0.2, and conformal_90() of
/// |ln(forecast / measured)|.
struct ErrorSummary {
  int64_t points = 0;
  double median = 0;
  double mean = 0;
  double max = 0;
  double within_20 = 0;
  double log_90 = 0;
};
ErrorSummary summarize(const std::vector<double>& relative_errors);

/// The value that the next of its kind does not exceed with a probability of 90 %: the ceil(0.9 (n + 1))-th smallest,
/// or the largest (Lei et al. 2018, Distribution-Free Predictive Inference for Regression, section 2). 0 for none.
double conformal_90(std::vector<double> values);

/// Error, in logarithms, of what cross-validation could not test: a factor of 2, more than any that it found.
inline const double kUntested = std::log(2);

/// How strongly layered factors are drawn to their prior, so that it counts for less the more points there are.
double layered_ridge(const std::vector<FitPoint>& points);

/// Factors of others as a prior for `own`, multiplied by the median of measured / forecast.
Prior scaled_prior(const std::vector<FitPoint>& own, Factors others);

/// Factors of every device and runtime, untested.
std::vector<RuntimeFit> fit_devices(const std::vector<FitPoint>& points);

/// Factors of every device and, for other devices, of every runtime, with the errors of cross-validation. A runtime
/// with six models or more gets the form by layers. `others`: entries of devices that `points` do not name, from which
/// a device with fewer than 30 latencies starts (devices/new_device.h).
std::vector<RuntimeFit> fit_all(const std::vector<FitPoint>& points, const std::vector<RuntimeFit>& others = {});

}  // namespace quench::devices
