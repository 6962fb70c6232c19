#include <algorithm>
#include <iostream>

#include "cli/lab_commands.h"
#include "cli/model_argument.h"
#include "cli/prediction_print.h"
#include "core/error.h"
#include "core/processors.h"
#include "core/text.h"
#include "graph/onnx_read.h"
#include "inference/predict_run.h"
#include "inference/registry.h"

namespace quench::cli {
namespace {

/// The forms to write: `none` alone is no form.
std::vector<std::string> forms_of(const Json& options) {
  auto forms = options["save"].get<std::vector<std::string>>();
  if (forms == std::vector<std::string>{"none"}) forms.clear();
  return forms;
}

}  // namespace

int run_predict(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = lab_settings(invocation);
  if (options["source"].empty()) {
    fail(ErrorKind::config, "predict: expected --source IMAGE, FOLDER, LIST, VIDEO, STREAM or CAMERA NUMBER, got none");
  }
  const runtime::Registry registry = inference::full_registry(environment.places);
  const runtime::Runtime& runtime = registry.require(options["runtime"]);
  const std::filesystem::path output = options["output"].get<std::string>();
  const std::unique_ptr<data::ImageSource> source = data::open_sources(options["source"], output);
  if (const auto others = source->left_out(); !others.empty()) {
    environment.log.warning(fmt::format("{} of a kind that is not read {} left out, the first: {}",
                                        counted(std::ssize(others), "image"), others.size() == 1 ? "is" : "are",
                                        others.front().string()));
  }
  const graph::ModelFile model = open_file(invocation.inputs.at(0), environment);
  runtime::SessionOptions session_options;
  session_options.threads = options["threads"];
  if (session_options.threads == 0) session_options.threads = usable_processors();
  inference::Engine engine(runtime, model, session_options);
  for (const std::string& note : engine.session().notes()) environment.log.info(runtime.name() + ": " + note);
  inference::Predictor predictor(engine, options);
  inference::PredictionFiles files(output, forms_of(options), *source, predictor);

  PredictionPrinter printer(options["format"], predictor, source->kind());
  const auto print = [&](const data::SourceImage& image, const inference::Prediction& prediction) {
    std::cout << printer.add(image, prediction) << std::flush;
  };
  const auto predict = [&](const data::SourceImage& image, int64_t) { return predictor.predict(image.pixels); };
  const inference::PredictRun run = inference::predict_source(
      *source, predictor, predict, files, options["limit"].get<int64_t>(), print, environment.log, *environment.cancel);
  std::cout << printer.finish(
      run, {{"model", model.path.string()}, {"runtime", runtime.name()}, {"threads", session_options.threads}});
  for (const std::string& what : files.written()) environment.log.info("wrote " + what);
  if (run.interrupted && source->kind() != data::ImageSource::Kind::camera) {  // that is how a camera's ends
    environment.log.warning("interrupted after " + counted(run.images, "image"));
    return program::kInterrupted;
  }
  return run.failed > 0 ? program::kCellFailed : program::kOk;
}

}  // namespace quench::cli
