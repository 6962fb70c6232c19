#pragma once

#include <optional>

#include "steps/step.h"

namespace quench::steps {

/// The model that the step's setting `teacher` names: the original of the chain, or a file (beside data_root too).
/// Nothing where it names none. Throws Error{config} for a file that is not there or no model of ours, and for the
/// original of a step that has none.
std::optional<graph::ModelFile> teacher_of(const StepInput& input);

/// A file that `teacher` names. Throws as teacher_of.
graph::ModelFile read_teacher(const std::string& name, const std::filesystem::path& data_root);

}  // namespace quench::steps
