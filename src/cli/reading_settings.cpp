#include "cli/reading_settings.h"

#include <algorithm>

#include "config/tables.h"
#include "core/error.h"
#include "core/printable.h"
#include "models/task.h"

namespace quench::cli {

config::OptionSet reading_options() { return config::predict_options().without({"source", "save", "imgsz", "limit"}); }

void require_settings_of_tasks(const Json& given, const std::vector<graph::ModelFile>& models) {
  if (models.empty()) return;
  const config::OptionSet of_reading = reading_options();
  for (const config::Option& option : of_reading.options()) {
    if (!given.contains(option.name)) continue;
    const bool has_it = std::ranges::any_of(models, [&](const graph::ModelFile& model) {
      return config::evaluate_options(models::task_of(model.graph)).find(option.name) != nullptr;
    });
    if (has_it) continue;
    fail(ErrorKind::config, "expected no '{}' for {}: the task '{}' has no such setting", option.name,
         printable_line(models.front().path.string()), models::task_of(models.front().graph));
  }
}

}  // namespace quench::cli
