#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "study/plan.h"
#include "study/study_file.h"
#include "study/teacher_check.h"

namespace quench::study {

/// Finds, before any work, files that settings of steps (`reference`, `sensitivity`) and devices (`agent`,
/// `ssh_config`) name and that are not there. Throws Error{config} that names the setting and the file. Cells that are
/// done need none.
void check_files(const StudyFile& study, const std::vector<Cell>& cells, const Records& known,
                 const std::filesystem::path& data_root);

/// Finds, before any work, data of another task than the models', and weights that are to be taken as they are (`train:
/// {epochs: 0}`) of a model that lacks a class of the data: its head would have initial weights there. task, classes:
/// of the data; none: there are no data. Throws Error{config} that names the model and the class.
void check_classes(const StudyFile& study, const std::vector<Cell>& cells, const Records& known,
                   const std::string& task, const std::vector<std::string>& classes,
                   const std::filesystem::path& data_root);

}  // namespace quench::study
