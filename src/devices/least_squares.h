#pragma once

#include <string>
#include <vector>

#include "devices/form.h"

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
  std::string scaled{};  ///< the model with its multipliers, "yolov8:d0.33w0.25" for yolov8n; empty: as `model`
  std::string family{};  ///< "yolov8", "yolov5u-cls"
  std::string width{};   ///< multiplier, "0.25"
};

/// What a fit is drawn to: how much each factor is expected to be, and how strongly (`ridge` is the weight of a point
/// whose relative error is how far the factor is from it). A factor of 0 is drawn to 0 where `shrink` is set: by its
/// share of the latencies.
struct Prior {
  Factors factors{};
  double ridge = 0;
  bool shrink = false;
};

/// The factors, none less than the form allows, that make the sum of squared relative errors least, each point
/// weighted. Exact: of all sets of terms the best whose solution is feasible. `prior` may be null. Throws
/// Error{internal} for no points.
Factors fit_factors(const std::vector<FitPoint>& points, const std::vector<double>& weights, const Form& form,
                    const Prior* prior);

}  // namespace quench::devices
