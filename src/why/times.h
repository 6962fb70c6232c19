#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/cancel.h"
#include "graph/onnx_read.h"
#include "runtime/runtime.h"

namespace quench::why {

/// Runs of a round.
constexpr size_t kRoundRuns = 3;

/// Times of the instructions of a model in both forms, timed in turn, so that a drift of the machine's speed hits both
/// alike. Of each instruction the medians of rounds of kRoundRuns runs, and the least of these: what else the machine
/// does only adds.
struct Profile {
  std::vector<runtime::LayerTime> quantized, in_float;
  std::string isa;   ///< instruction set that the engine used
  int64_t runs = 0;  ///< of each
};

/// Times a quantized model and its float form. Throws Error{unsupported} for a model that the engine does not run.
using Profiler = std::function<Profile(const graph::ModelFile& quantized, const graph::ModelFile& in_float)>;

/// By the native engine on seeded noise at batch 1. runs: of each model, in turn (A B A B ...), after three that do not
/// count; those beyond whole rounds join the last one. The profiler throws Error{cancelled}, too; `cancel` must outlive
/// it.
Profiler native_profiler(int threads, int64_t runs, const CancelToken& cancel);

/// Of one layer, in nanoseconds.
struct LayerTime {
  double quantized_ns = 0, float_ns = 0;
  double conversions_ns = 0;  ///< in the quantized model: between float and integers, under its name
  bool in_integers = false;   ///< how the engine ran it in the quantized model
};

/// Of a whole model, in nanoseconds: sums over instructions.
struct ModelTime {
  double quantized_ns = 0, float_ns = 0;
  double layers_ns = 0;           ///< convolutions and linear layers of the quantized model
  double float_layers_ns = 0;     ///< of that, those that run in float
  double conversions_ns = 0;      ///< between float and integers
  double requantizations_ns = 0;  ///< tables from bytes to bytes
  double reorders_ns = 0;         ///< the image into pixels of channels, outputs out of them
  std::string isa;
  int64_t runs = 0;
  bool stand_in = false;  ///< float times are of the quantized model's own weights in float, no reference was given
};

ModelTime model_time(const Profile& profile);
/// Throws Error{internal} where the profile does not have the layer.
LayerTime layer_time(const Profile& profile, const std::string& layer);

}  // namespace quench::why
