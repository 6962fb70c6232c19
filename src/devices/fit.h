#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "devices/latency_fit.h"

namespace quench::devices {

/// An anchor with what the model of latency knows of it.
struct FitPoint {
  std::string device;  ///< name of the device file
  Engine engine = Engine::cpu;
  std::string runtime;
  std::string model;
  int64_t imgsz = 0;
  Precision precision = Precision::fp32;
  double gflops = 0;  ///< 2 x multiply-accumulates / 1e9, nothing padded
  Terms terms{};
  double latency_ns = 0;
};

/// The factors, none negative, that make the sum of squared relative errors least: each point weighted, and the whole
/// drawn to `prior` (where a factor of it is positive) with the weight `ridge` of a point whose relative error is how
/// far the factor is from it. CPUs get no fixed cost and GPUs none for positions: their anchors cannot tell these
/// apart. Throws Error{internal} for no points.
Factors fit_factors(const std::vector<FitPoint>& points, const std::vector<double>& weights, Engine engine,
                    const Factors* prior, double ridge);

/// A forecast of an anchor that was left out.
struct HeldOut {
  const FitPoint* point;
  double forecast_ns;
  double
      gflops_ns;  ///< from GFLOPs alone: time / GFLOPs of what was not left out, of the same device where there is any
  double relative() const { return forecast_ns / point->latency_ns - 1; }
};

/// Leaves out, in turn, every model (everywhere; what the other models of a device tell stays), or every device, of
/// each engine and runtime. What cannot be forecast then (the only device of a runtime) is left out of the result.
std::vector<HeldOut> leave_one_model_out(const std::vector<FitPoint>& points);
std::vector<HeldOut> leave_one_device_out(const std::vector<FitPoint>& points);

/// Median, mean and largest of |forecast / measured - 1|, and the quantile 0.9 of |ln(forecast / measured)|.
struct ErrorSummary {
  int64_t points = 0;
  double median = 0;
  double mean = 0;
  double max = 0;
  double log_90 = 0;
};
ErrorSummary summarize(const std::vector<double>& relative_errors);

/// Factors of every device and, for other devices, of every runtime, with the errors of cross-validation.
std::vector<RuntimeFit> fit_all(const std::vector<FitPoint>& points);

}  // namespace quench::devices
