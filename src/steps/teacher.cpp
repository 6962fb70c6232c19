#include "steps/teacher.h"

#include "config/tables.h"
#include "core/error.h"
#include "core/without_place.h"
#include "data/sets/find.h"
#include "weights/model_file.h"

namespace quench::steps {

graph::ModelFile read_teacher(const std::string& name, const std::filesystem::path& data_root) {
  try {
    return weights::read_model_file(data::find_file(name, data_root), {}, {});
  } catch (const Error& error) {
    fail(ErrorKind::config, "[steps.teacher] expected a model file or `{}` for 'teacher', got '{}': {}",
         config::kOriginalTeacher, name, without_place(error.what()));
  }
}

std::optional<graph::ModelFile> teacher_of(const StepInput& input) {
  if (!input.settings.contains("teacher")) return std::nullopt;
  const std::string name = input.settings["teacher"];
  if (name != config::kOriginalTeacher) return read_teacher(name, input.data_root);
  if (input.original == nullptr) {
    fail(ErrorKind::config,
         "[steps.teacher] expected a file for 'teacher', got `{}`: before this step there is no model", name);
  }
  if (input.original->sha256 == input.model.sha256) {
    fail(ErrorKind::config,
         "[steps.teacher] expected a file for 'teacher', got `{}`: that is the very model that is trained here", name);
  }
  return *input.original;
}

}  // namespace quench::steps
