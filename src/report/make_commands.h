#pragma once

#include <string>
#include <vector>

#include "record/record.h"

namespace quench::report {

/// The commands that make a record's model by hand, one after another, from what its configuration tells of model, data
/// and steps: "quench prune 1.onnx --target-gflops 0.5x -o 2.onnx". The last writes `model.onnx`. Settings at their
/// defaults are left out. Empty where the record does not tell its steps, or tells ones that this version does not
/// know.
std::vector<std::string> make_commands(const record::Record& record);

}  // namespace quench::report
