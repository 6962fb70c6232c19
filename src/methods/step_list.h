#pragma once

#include <string_view>

namespace quench::methods {

/// Whether a step makes a quantized model of a float one, which later steps may look back at.
inline bool quantizes(std::string_view step) { return step == "quantize" || step == "assign_bits"; }

}  // namespace quench::methods

/// The one list of steps: X(name) for each. Of every name there are a description here in methods/ (`StepInfo
/// describe_NAME()`, needs no LibTorch) and a function in steps/ (`graph::Graph run_NAME(const steps::StepInput&)`).
/// An entry makes a command of the program (`quench NAME`, where the description says so) and a step of studies.
#define QUENCH_STEPS(X) \
  X(train)              \
  X(prune)              \
  X(sparsify)           \
  X(equalize)           \
  X(split_channels)     \
  X(quantize)           \
  X(assign_bits)        \
  X(adaround)           \
  X(correct_bias)       \
  X(finetune)           \
  X(convert)
