#include <iostream>

#include "cli/comparison_images.h"
#include "cli/lab_commands.h"
#include "cli/matched_data.h"
#include "cli/model_argument.h"
#include "cli/print.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/json_text.h"
#include "core/printable.h"
#include "core/processors.h"
#include "graph/onnx_read.h"
#include "inference/registry.h"
#include "models/no_task.h"
#include "models/task.h"
#include "platform/measured.h"
#include "study/cell_record.h"
#include "study/stages.h"
#include "why/foreign.h"

namespace quench::cli {

namespace {

constexpr int64_t kComparedRuns = 30;  // of each model, in turn

/// Another model's outputs in place of what is true of the images.
int run_against(const graph::ModelFile& model, const Json& options, const program::Environment& environment,
                const runtime::Runtime& runtime) {
  const std::string format = options["format"];
  if (format != "table" && format != "json") {
    fail(ErrorKind::config, "eval: expected --format table or json with --against, got {}", format);
  }
  const graph::ModelFile against = open_file(options["against"].get<std::string>(), environment);
  data::Splits data = open_matched(model.graph, options, environment, true);
  data.train = data.test;  // of which images are chosen
  const std::vector<Tensor> images = comparison_images(model.graph, data, 0, 0, environment);
  const why::Whole whole = why::compare_whole(model, against, images, runtime, options["threads"].get<int>(),
                                              kComparedRuns, *environment.cancel);
  if (format == "json") {
    std::cout << json_text(why::to_json(whole), 1) << "\n";
  } else {
    for (const std::string& line : why::lines_of(whole)) std::cout << printable_line(line) << "\n";
  }
  return program::kOk;
}

}  // namespace

int run_eval(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = lab_settings(invocation);
  const runtime::Registry registry = inference::full_registry(environment.places);
  const runtime::Runtime& runtime = registry.require(options["runtime"]);
  const graph::ModelFile model = open_file(invocation.inputs.at(0), environment);
  if (!options["against"].is_null()) return run_against(model, options, environment, runtime);
  if (models::task_of(model.graph) == models::kNoTask) {
    fail(ErrorKind::config,
         "eval: {} has no task (nothing is known of its outputs), and so no accuracy: expected --against FLOAT, the "
         "model "
         "that its outputs are compared with",
         model.path.string());
  }
  const data::Splits data = open_matched(model.graph, options, environment);
  runtime::SessionOptions session_options;
  session_options.threads = options["threads"];
  if (session_options.threads == 0) session_options.threads = usable_processors();

  const auto evaluate = [&](const runtime::Runtime& used) {
    inference::Engine engine(used, model, session_options);
    for (const std::string& note : engine.session().notes()) environment.log.info(used.name() + ": " + note);
    return inference::evaluate(engine, *data.test, {.batch = options["batch"].get<int64_t>(), .settings = options},
                               environment.log, *environment.cancel);
  };
  record::Record record;
  record.cell = model.path.string();
  platform::set_model(record, model);
  platform::set_compressed(record, model);
  record.data = data.name;
  record.runtime = runtime.name();
  record.threads = session_options.threads;
  platform::set_host(record, environment.version);
  const score::Evaluation real = evaluate(runtime);
  if (options["agreement"].get<bool>()) {
    study::set_scores(record, real, evaluate(registry.require("torch")));
  } else {
    study::set_scores(record, real, real);
    record.agreement.reset();
  }
  record.config = options;
  record.time = utc_now();
  std::cout << render({record}, options["format"]);
  return program::kOk;
}

}  // namespace quench::cli
