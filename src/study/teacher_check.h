#pragma once

#include "study/plan.h"
#include "study/stages.h"
#include "study/study_jobs.h"

namespace quench::study {

/// Holds the files that cells which are not `ok` yet learn from against the study's models and data, so that a wrong
/// one is told before the first training and not after it. Throws Error{config} for a file that is not there or no
/// model of ours, of another task, of other classes or another input size; and for `original` in a training, which has
/// none.
void check_teachers(const StudyFile& study, const std::vector<Cell>& cells, const Records& known, Stages& stages);

}  // namespace quench::study
