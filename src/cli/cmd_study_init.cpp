#include <iostream>

#include "cli/lab_commands.h"
#include "cli/study_context.h"
#include "core/error.h"
#include "core/file.h"
#include "data/sets/dataset.h"
#include "data/sets/find.h"
#include "models/spec.h"
#include "study/starter.h"

namespace quench::cli {
namespace {

/// What the data are, where they are here; the file is made without them too, but not for data of another task.
void look_at_data(study::StarterRequest& request, const program::Environment& environment) {
  std::optional<data::Splits> splits;
  try {
    splits = data::open(data::find_file(request.data, request.data_root).string(), request.data_root, false);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::io) throw;
    environment.log.warning(fmt::format("the data are to be had before the study runs: {}", error.what()));
    return;
  }
  const std::string task = splits->train->task();
  const std::string own = request.models.empty() ? task : models::spec(request.models.front()).task;
  if (task != own) {
    const auto other =
        std::ranges::find(models::names(), task, [](const std::string& name) { return models::spec(name).task; });
    fail(ErrorKind::config, "study init: expected data for models that {}, got {}, which are for models that {}{}", own,
         request.data, task, other == models::names().end() ? "" : fmt::format(": --model {}", *other));
  }
  request.about_data = fmt::format("{} training and {} test images, {} classes", splits->train->size(),
                                   splits->test->size(), splits->train->classes().size());
  if (splits->test->size() > 0) request.side = splits->test->at(0).pixels.shape().at(0);
}

}  // namespace

int run_study_init(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = lab_settings(invocation);
  study::StarterRequest request;
  request.models = options["model"].get<std::vector<std::string>>();
  request.data = options["data"];
  request.devices = options["device"].get<std::vector<std::string>>();
  request.imgsz = options["imgsz"];
  if (options["name"].is_string()) request.name = options["name"];
  request.data_root = data::root_of(options, environment.data_root);
  for (const std::string& name : request.models) models::spec(name);
  look_at_data(request, environment);
  const std::string text = study::starter_file(request, devices::load_catalog(environment.device_folders));
  if (options["output"].is_null()) {
    std::cout << text;
    return program::kOk;
  }
  const std::filesystem::path file = require_output(options, invocation);
  if (std::filesystem::exists(file)) {
    fail(ErrorKind::config, "study init: expected a new file to write, got {}, which is there already", file.string());
  }
  write_file(file, text);
  environment.log.info(fmt::format("wrote {0}; `quench study plan {0}` says what it would do", file.string()));
  return program::kOk;
}

}  // namespace quench::cli
