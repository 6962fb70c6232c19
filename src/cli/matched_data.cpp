#include "cli/matched_data.h"

#include "core/error.h"
#include "core/task.h"
#include "core/text.h"
#include "data/sets/class_match.h"
#include "data/sets/find.h"
#include "data/sets/picture_set.h"
#include "data/sets/prepared.h"
#include "graph/image_side.h"
#include "models/no_task.h"
#include "models/preparation.h"
#include "models/task.h"
#include "study/stages.h"

namespace quench::cli {

namespace {

/// The pictures of the data's folder or list, without labels; throws `reason`, why they are wanted, where it has none.
data::Splits pictures_alone(const graph::Graph& model, const Json& settings, const program::Environment& environment,
                            const Error& reason) {
  const std::filesystem::path root = data::root_of(settings, environment.data_root);
  const std::filesystem::path source = data::find_file(settings["data"].get<std::string>(), root);
  std::error_code ignored;
  if (!std::filesystem::is_directory(source, ignored) && source.extension() != ".txt") throw reason;
  try {
    const std::string own = models::task_of(model);
    const std::string task = own == models::kNoTask ? default_task() : own;
    data::Splits splits = data::open_pictures(source, task, root);
    environment.log.info(fmt::format("{}: {} without labels ({})", source.string(),
                                     counted(splits.train->size(), "picture"), reason.what()));
    return splits;
  } catch (const Error&) {
    throw reason;
  }
}

}  // namespace

data::Splits open_matched(const graph::Graph& model, const Json& settings, const program::Environment& environment,
                          bool pictures_do) {
  data::Splits splits;
  try {
    splits = study::open_data(settings, environment.data_root, environment.log, true, environment.cancel);
  } catch (const Error& error) {
    const bool of_data =
        error.kind() == ErrorKind::data || error.kind() == ErrorKind::io || error.kind() == ErrorKind::config;
    if (!pictures_do || !of_data) throw;
    return pictures_alone(model, settings, environment, error);
  }
  if (models::task_of(model) != splits.train->task()) return splits;
  splits.notes.clear();  // told already
  data::ClassMap given;
  if (const Json file = settings.value("class_map", Json()); file.is_string()) {
    given = data::read_class_map(file.get<std::string>());
  }
  splits = data::with_classes(std::move(splits), models::class_names(model), given);
  for (const std::string& note : splits.notes) environment.log.info(note);
  return splits;
}

data::Splits open_prepared(const graph::Graph& model, const Json& settings, const program::Environment& environment,
                           bool pictures_do) {
  data::Splits splits = open_matched(model, settings, environment, pictures_do);
  const pixels::Preparation preparation = models::preparation_of(model);
  return preparation.is_own() ? splits : data::prepared(std::move(splits), preparation, graph::image_side(model));
}

}  // namespace quench::cli
