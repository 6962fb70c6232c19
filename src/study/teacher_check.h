#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "study/model_graphs.h"
#include "study/plan.h"
#include "study/study_jobs.h"

namespace quench::study {

/// Holds what cells that are not `ok` yet learn from against the study's models and data, so that a wrong teacher is
/// told by the plan and before the first training, not after it. Where the graphs have no
/// classes there are no data, of which nothing is held then. Throws Error{config} for a file that is not there or no
/// model of ours, of another task, of other classes or another input size; for `original` in a training, which has
/// none; and for `distill: features` or `both` where the two models have no feature maps of one size.
void check_teachers(const StudyFile& study, const std::vector<Cell>& cells, const Records& known, ModelGraphs& graphs,
                    const std::filesystem::path& data_root);

}  // namespace quench::study
