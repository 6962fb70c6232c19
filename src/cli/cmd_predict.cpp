#include <algorithm>
#include <iostream>

#include "cli/lab_commands.h"
#include "cli/model_argument.h"
#include "cli/predict_remote.h"
#include "cli/prediction_print.h"
#include "cli/reading_settings.h"
#include "cli/remote.h"
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

/// All images through `predict`, into files and onto standard output. about: what the summary also says.
int predict_all(data::ImageSource& source, const prediction::Vocabulary& words,
                const inference::PredictFunction& predict, inference::PredictionFiles& files, const Json& about,
                const Json& options, const program::Environment& environment) {
  PredictionPrinter printer(options["format"], words, source.kind());
  const auto print = [&](const data::SourceImage& image, const inference::Prediction& prediction) {
    std::cout << printer.add(image, prediction) << std::flush;
  };
  const inference::PredictRun run = inference::predict_source(
      source, words, predict, files, options["limit"].get<int64_t>(), print, environment.log, *environment.cancel);
  std::cout << printer.finish(run, about);
  for (const std::string& what : files.written()) environment.log.info("wrote " + what);
  if (run.interrupted && source.kind() != data::ImageSource::Kind::camera) {  // that is how a camera's ends
    environment.log.warning("interrupted after " + counted(run.images, "image"));
    return program::kInterrupted;
  }
  return run.failed > 0 ? program::kCellFailed : program::kOk;
}

}  // namespace

int run_predict(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = lab_settings(invocation);
  if (options["source"].empty()) {
    fail(ErrorKind::config, "predict: expected --source IMAGE, FOLDER, LIST, VIDEO, STREAM or CAMERA NUMBER, got none");
  }
  const std::filesystem::path output = options["output"].get<std::string>();
  const std::unique_ptr<data::ImageSource> source = data::open_sources(options["source"], output);
  if (const auto others = source->left_out(); !others.empty()) {
    environment.log.warning(fmt::format("{} of a kind that is not read {} left out, the first: {}",
                                        counted(std::ssize(others), "image"), others.size() == 1 ? "is" : "are",
                                        others.front().string()));
  }
  const graph::ModelFile model = open_file(invocation.inputs.at(0), environment);
  require_settings_of_tasks(given_settings(invocation), {model});
  if (is_remote(options)) {
    const prediction::Vocabulary words = prediction::vocabulary_of(model.graph);
    inference::PredictionFiles files(output, forms_of(options), *source, words);
    const RemotePredictions there(*source, model, options, environment);
    Json about = there.summary();
    about.update({{"model", model.path.string()}, {"device", options["device"]}});
    return predict_all(
        *source, words, [&](const auto& image, int64_t index) { return there.of(image, index); }, files, about, options,
        environment);
  }
  const runtime::Registry registry = inference::full_registry(environment.places);
  const runtime::Runtime& runtime = registry.require(options["runtime"]);
  runtime::SessionOptions session_options;
  session_options.threads = options["threads"];
  if (session_options.threads == 0) session_options.threads = usable_processors();
  inference::Engine engine(runtime, model, session_options);
  for (const std::string& note : engine.session().notes()) environment.log.info(runtime.name() + ": " + note);
  inference::Predictor predictor(engine, options);
  inference::PredictionFiles files(output, forms_of(options), *source, predictor);
  return predict_all(
      *source, predictor, [&](const data::SourceImage& image, int64_t) { return predictor.predict(image.pixels); },
      files, {{"model", model.path.string()}, {"runtime", runtime.name()}, {"threads", session_options.threads}},
      options, environment);
}

}  // namespace quench::cli
