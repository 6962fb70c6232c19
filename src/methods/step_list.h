#pragma once

/// The one list of steps: X(name) for each. Of every name there are a description here in methods/ (`StepInfo
/// describe_NAME()`, needs no LibTorch) and a function in steps/ (`graph::Graph run_NAME(const steps::StepInput&)`).
/// An entry makes a command of the program (`quench NAME`, where the description says so) and a step of studies.
#define QUENCH_STEPS(X) \
  X(train)              \
  X(prune)              \
  X(sparsify)           \
  X(quantize)           \
  X(finetune)           \
  X(convert)
