#pragma once

#include <string>

#include "methods/step.h"

namespace quench::methods {

/// The reference of study files in Markdown, from the tables of settings and these steps: keys, types, defaults (of
/// each task, where they differ), ranges, and what each is.
std::string study_reference(const StepTable& steps);

}  // namespace quench::methods
