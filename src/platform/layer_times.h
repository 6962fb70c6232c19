#pragma once

#include <functional>
#include <vector>

#include "core/cancel.h"
#include "core/json.h"
#include "platform/layer_graph.h"
#include "runtime/runtime.h"

namespace quench::platform {

/// How layers are timed. Some entries are timed in turn, `rounds` times. A round gives the median of its runs, and the
/// least of these counts: what else the machine does lasts longer than a round and only adds.
struct LayerTiming {
  int threads = 1;
  int rounds = 5;
  int min_runs = 5, max_runs = 51;  ///< of a round
  double round_seconds = 0.05;      ///< that a round takes where that is between min_runs and max_runs
};

/// Time of each layer in ns, at batch 1: by entry, one for each of its `out`. told: called with the number of entries
/// that are done. Throws Error{config} for a runtime that does not
/// time its layers, Error{unsupported} for what it does not run, Error{cancelled}.
std::vector<std::vector<double>> time_layers(const std::vector<LayerWidths>& all, const runtime::Runtime& runtime,
                                             const LayerTiming& timing, const CancelToken& cancel,
                                             const std::function<void(size_t)>& told = {});

/// What a device is asked to time: a list of {"shape": ..., "in": ..., "out": [...]}.
Json to_json(const std::vector<LayerWidths>& all);
/// Throws Error{data} naming `where`, also for more layers or wider ones than any table has.
std::vector<LayerWidths> layer_widths_from(const Json& json, const std::string& where);

}  // namespace quench::platform
