#pragma once

#include <filesystem>
#include <vector>

#include "study/plan.h"
#include "study/study_file.h"
#include "study/teacher_check.h"

namespace quench::study {

/// Finds, before any work, weights to start from that are not there. Throws Error{config} that names the model and the
/// file. Cells that are done need none.
void check_pretrained(const StudyFile& study, const std::vector<Cell>& cells, const Records& known,
                      const std::filesystem::path& data_root);

}  // namespace quench::study
