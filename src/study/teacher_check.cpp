#include "study/teacher_check.h"

#include <set>

#include "config/tables.h"
#include "core/error.h"
#include "data/sets/find.h"
#include "models/spec.h"
#include "models/task.h"
#include "steps/teacher.h"

namespace quench::study {
namespace {

void check_teacher(const StudyFile& study, const Cell& cell, const std::string& name, Stages& stages) {
  const graph::ModelFile teacher = steps::read_teacher(name, data::root_of(study.data, stages.data_root()));
  try {
    models::require_fit(teacher.graph, study.task, stages.data().train->classes());
  } catch (const Error& error) {
    fail(ErrorKind::config, "{}: the teacher {} does not fit: {}", study.name, name, error.what());
  }
  const int64_t asked = cell.model.model["imgsz"];
  const int64_t side = asked > 0 ? asked : models::spec(cell.model.model["model"]).default_imgsz;
  const Shape& shape = teacher.graph.edge(teacher.graph.inputs.at(0)).shape;
  if (shape.at(2) != side || shape.at(3) != side) {
    fail(ErrorKind::config, "{}: expected a teacher for images of {} x {}, got {} for {} x {}", study.name, side, side,
         name, shape.at(2), shape.at(3));
  }
}

}  // namespace

void check_teachers(const StudyFile& study, const std::vector<Cell>& cells, const Records& known, Stages& stages) {
  std::set<std::pair<std::string, std::string>> checked;  // by model and file
  for (const Cell& cell : cells) {
    if (const auto found = known.find(cell.id); found != known.end() && found->second.status == "ok") continue;
    for (size_t i = 0; i < cell.steps.size(); ++i) {
      if (!cell.steps[i].settings.contains("teacher")) continue;
      const std::string name = cell.steps[i].settings["teacher"];
      if (name == config::kOriginalTeacher) {
        if (i > 0) continue;
        fail(ErrorKind::config,
             "{}.train: expected a file for 'teacher', got `{}`: before the training there is no model", study.name,
             name);
      }
      if (checked.insert({cell.model.label, name}).second) check_teacher(study, cell, name, stages);
    }
  }
}

}  // namespace quench::study
