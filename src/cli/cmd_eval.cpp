#include <iostream>

#include "cli/lab_commands.h"
#include "cli/matched_data.h"
#include "cli/model_argument.h"
#include "cli/print.h"
#include "core/clock.h"
#include "core/processors.h"
#include "graph/onnx_read.h"
#include "inference/registry.h"
#include "platform/measured.h"
#include "study/cell_record.h"
#include "study/stages.h"

namespace quench::cli {

int run_eval(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = lab_settings(invocation);
  const runtime::Registry registry = inference::full_registry(environment.places);
  const runtime::Runtime& runtime = registry.require(options["runtime"]);
  const graph::ModelFile model = open_file(invocation.inputs.at(0), environment);
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
