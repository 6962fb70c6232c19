#pragma once

#include <string>

#include "study/study_file.h"

namespace quench::study {

/// Holds the layers that the study's methods name against its models, so that a wrong name is told before the first
/// training and not after it. Throws Error{config} beginning with `where`.
void check_layers(const StudyFile& study, const std::string& where);

}  // namespace quench::study
