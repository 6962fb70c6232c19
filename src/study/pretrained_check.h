#pragma once

#include <filesystem>
#include <vector>

#include "study/model_graphs.h"
#include "study/plan.h"
#include "study/study_file.h"
#include "study/teacher_check.h"

namespace quench::study {

/// Finds, before any work, weights to start from that are not there, cannot be read, or are of another model. Throws
/// Error{config}, or what reading them throws, that names the model and the file. Where `graphs` have no classes,
/// whether the tensors fit is not looked at. Cells that are done need none.
void check_pretrained(const StudyFile& study, const std::vector<Cell>& cells, const Records& known, ModelGraphs& graphs,
                      const std::filesystem::path& data_root);

}  // namespace quench::study
