#pragma once

namespace quench::methods {

/// The step whose float model others look back at.
inline constexpr const char* kQuantizeStep = "quantize";

}  // namespace quench::methods

/// The one list of steps: X(name) for each. Of every name there are a description here in methods/ (`StepInfo
/// describe_NAME()`, needs no LibTorch) and a function in steps/ (`graph::Graph run_NAME(const steps::StepInput&)`).
/// An entry makes a command of the program (`quench NAME`, where the description says so) and a step of studies.
#define QUENCH_STEPS(X) \
  X(train)              \
  X(prune)              \
  X(sparsify)           \
  X(equalize)           \
  X(quantize)           \
  X(adaround)           \
  X(correct_bias)       \
  X(finetune)           \
  X(convert)
