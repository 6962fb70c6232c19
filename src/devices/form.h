#pragma once

#include <array>

#include "devices/latency.h"

namespace quench::devices {

/// Which terms a fit may use, and the least that each factor is.
struct Form {
  std::array<bool, kTermCount> used{};
  Factors least{};
  int64_t terms() const;
};

/// Three terms, for latencies of few models. GPU: fixed, compute, memory. CPU: positions, compute, memory: their
/// anchors cannot tell a fixed cost from one for positions.
Form coarse_form(Engine engine);

/// Seven or eight terms, for latencies of many models. GPU: layers, pointwise_layers, ramp, strided, few, spilled,
/// memory. CPU: macs (at least once the ideal: no engine beats the peak), pointwise, heavy, few, spilled, outputs,
/// layers, memory.
Form layered_form(Engine engine);

/// Whether factors are of the form by layers.
bool is_layered(const Factors& factors);

}  // namespace quench::devices
