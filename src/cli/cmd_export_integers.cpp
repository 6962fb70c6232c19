#include "cli/commands.h"
#include "cli/lab_commands.h"
#include "cli/model_argument.h"
#include "config/tables.h"
#include "core/error.h"
#include "data/loading/loader.h"
#include "data/sets/image_folder.h"
#include "exports/integers.h"
#include "prediction/picture_reader.h"

namespace quench::cli {

int run_export_integers(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = program::settings(command("export"), Json::object(), invocation);
  if (options["source"].is_null())
    fail(ErrorKind::config, "export: expected --source IMAGE with --to integers, got none");
  const std::filesystem::path folder = options["output"].get<std::string>();
  const graph::ModelFile model = open_model(invocation.inputs.at(0), options, environment);
  const Shape& shape = model.graph.edge(model.graph.inputs.at(0)).shape;
  const prediction::InputSize size{static_cast<int>(shape.at(2)), static_cast<int>(shape.at(3))};
  const auto reader = prediction::make_reader(model.graph, size, config::predict_options().defaults());
  const std::string source = options["source"];
  const Tensor pixels = data::read_image(source);
  const Letterbox fitted = reader->fit(static_cast<int>(pixels.shape()[0]), static_cast<int>(pixels.shape()[1]));
  Tensor input(DType::u8, {1, 3, fitted.canvas_height, fitted.canvas_width});
  reader->fill(pixels, fitted, input);
  exports::write_integers(model, input, source, folder);
  environment.log.info("wrote " + (folder / "index.json").string() + " and the arrays that it names");
  return program::kOk;
}

}  // namespace quench::cli
