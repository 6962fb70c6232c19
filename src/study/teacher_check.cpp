#include "study/teacher_check.h"

#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "config/tables.h"
#include "core/error.h"
#include "core/without_place.h"
#include "data/sets/find.h"
#include "models/spec.h"
#include "models/task.h"
#include "steps/teacher.h"
#include "train/distill/feature_maps.h"

namespace quench::study {
namespace {

class TeacherCheck {
 public:
  TeacherCheck(const StudyFile& study, ModelGraphs& graphs, const std::filesystem::path& data_root)
      : study_(study), classes_(graphs.classes()), root_(data::root_of(study.data, data_root)), graphs_(graphs) {}

  /// features: maps are compared too.
  void check(const Cell& cell, const std::string& name, bool features) {
    if (!checked_.insert({cell.model.label, name, features}).second) return;
    if (name == config::kOriginalTeacher) {
      if (features && !classes_.empty()) check_maps(cell, name, graphs_.of(cell.model));
      return;
    }
    const graph::Graph& teacher = file(name);
    check_file(cell, name, teacher);
    if (features && !classes_.empty()) check_maps(cell, name, teacher);
  }

 private:
  const graph::Graph& file(const std::string& name) {
    const auto found = files_.find(name);
    return found != files_.end() ? found->second
                                 : files_.emplace(name, steps::read_teacher(name, root_).graph).first->second;
  }

  void check_file(const Cell& cell, const std::string& name, const graph::Graph& teacher) const {
    try {
      if (!classes_.empty()) models::require_fit(teacher, study_.task, classes_);
    } catch (const Error& error) {
      fail(ErrorKind::config, "{}: the teacher {} does not fit: {}", study_.name, name, without_place(error.what()));
    }
    const int64_t asked = cell.model.model["imgsz"];
    const int64_t side = asked > 0 ? asked : models::spec(cell.model.model["model"]).default_imgsz;
    const Shape& shape = teacher.edge(teacher.inputs.at(0)).shape;
    if (shape.at(2) != side || shape.at(3) != side) {
      fail(ErrorKind::config, "{}: expected a teacher for images of {} x {}, got {} for {} x {}", study_.name, side,
           side, name, shape.at(2), shape.at(3));
    }
  }

  /// Steps before the fine-tuning change the channels of maps, not their places.
  void check_maps(const Cell& cell, const std::string& name, const graph::Graph& teacher) {
    try {
      train::pairs_of_maps(graphs_.of(cell.model), teacher);
    } catch (const Error& error) {
      fail(ErrorKind::config,
           "{}: {} cannot learn the feature maps of its teacher `{}`: {} (`distill: logits` needs none)", study_.name,
           cell.model.label, name, without_place(error.what()));
    }
  }

  const StudyFile& study_;
  const std::vector<std::string>& classes_;
  const std::filesystem::path root_;
  ModelGraphs& graphs_;
  std::map<std::string, graph::Graph> files_;                     ///< by name
  std::set<std::tuple<std::string, std::string, bool>> checked_;  ///< model, teacher, with maps
};

}  // namespace

void check_teachers(const StudyFile& study, const std::vector<Cell>& cells, const Records& known, ModelGraphs& graphs,
                    const std::filesystem::path& data_root) {
  TeacherCheck teachers(study, graphs, data_root);
  for (const Cell& cell : cells) {
    if (const auto found = known.find(cell.id); found != known.end() && found->second.status == "ok") continue;
    for (size_t i = 0; i < cell.steps.size(); ++i) {
      const Json& settings = cell.steps[i].settings;
      if (!settings.contains("teacher")) continue;
      const std::string name = settings["teacher"];
      if (i == 0 && name == config::kOriginalTeacher) {
        fail(ErrorKind::config,
             "{}.train: expected a file for 'teacher', got `{}`: before the training there is no model", study.name,
             name);
      }
      const std::string what = settings.value("distill", "logits");
      teachers.check(cell, name, what != "logits");
    }
  }
}

}  // namespace quench::study
