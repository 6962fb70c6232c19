#include "cli/lab_commands.h"
#include "config/tables.h"
#include "core/error.h"
#include "data/sets/find.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"
#include "models/spec.h"
#include "models/task.h"
#include "steps/start.h"
#include "steps/step.h"
#include "study/stages.h"
#include "train/loop/trainer.h"

namespace quench::cli {
namespace {

namespace fs = std::filesystem;

bool is_file(const std::string& model) { return model.ends_with(".onnx") || model.find('/') != std::string::npos; }

/// The graph to start from: a model by name with initial weights, or a trained ONNX file to fine-tune.
graph::Graph starting_graph(const Json& options, const data::Splits& data, const program::Environment& environment) {
  const std::string name = options["model"];
  if (is_file(name)) return graph::read_model(name).graph;
  return steps::starting_graph(options, data, options["seed"].get<uint64_t>(),
                               data::root_of(options, environment.data_root), environment.log);
}

fs::path work_folder(const Json& options, const fs::path& output, const char* suffix) {
  return options["work"].is_string() ? fs::path(options["work"].get<std::string>())
                                     : fs::path(output.string() + suffix);
}

}  // namespace

int run_train(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = lab_settings(invocation);
  const fs::path output = require_output(options, invocation);
  const std::string name = options["model"];
  if (!is_file(name)) models::spec(name);  // before the data is read
  const data::Splits data = study::open_data(options, environment.data_root, environment.log);
  const graph::Graph start = starting_graph(options, data, environment);
  // Defaults depend on the task, which the model says: what was given, over those.
  const config::OptionSet training = config::fit_options(models::task_of(start));
  Json config = training.checked(training.part_of(given_settings(invocation)), "quench train");
  config["imgsz"] = start.edge(start.inputs.at(0)).shape.at(2);
  const train::FitResult result = train::fit(
      start, data, config,
      {work_folder(options, output, ".train"), &environment.log, environment.cancel, options["resume"].get<bool>()});
  graph::save_onnx(result.graph, output);
  environment.log.info(
      fmt::format("wrote {}: {} on {} test images", output.string(), score::to_text(result.scores), data.test->size()));
  return program::kOk;
}

namespace {

/// A method of one command: its chain over the model, written as the output.
int run_method(const program::Invocation& invocation, const program::Environment& environment, const Json& options,
               const methods::Method& method, const std::string& work_suffix) {
  const fs::path output = require_output(options, invocation);
  const graph::ModelFile parent = graph::read_model(invocation.inputs.at(0));
  const steps::Registry registry = steps::registry();
  const std::string task = models::task_of(parent.graph);
  methods::ModelKind kind = steps::kind_of(parent.graph);
  std::vector<methods::ChainStep> chain;
  for (const methods::ChainStep& step : method.steps) {
    const methods::StepInfo& info = registry.table().require(step.step, "quench " + invocation.command);
    kind = info.gives(kind);  // before the data are read
    chain.push_back({step.step, info.options(task).checked(info.options(task).part_of(step.settings),
                                                           "quench " + invocation.command)});
  }
  if (kind.quantized && !kind.integers) chain.push_back({"convert", Json::object()});
  const data::Splits data = study::open_data(options, environment.data_root, environment.log);
  const Json none = Json::object();
  const fs::path work = work_folder(options, output, work_suffix.c_str());
  const graph::Graph made = steps::run_chain(
      registry, parent, chain,
      {parent, none, &data, work, options.value("resume", true), environment.log, *environment.cancel});
  const std::string sha256 = graph::save_onnx(made, output);
  environment.log.info(fmt::format("wrote {} (sha256 {})", output.string(), sha256.substr(0, 16)));
  return program::kOk;
}

}  // namespace

int run_quantize(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = lab_settings(invocation);
  methods::Method method{options["method"], "", {{"quantize", config::quantize_options().part_of(options)}}};
  if (method.method == "qat") method.steps.push_back({"finetune", given_settings(invocation)});
  return run_method(invocation, environment, options, method, ".qat");
}

int run_step(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = lab_settings(invocation);
  const methods::Method method{invocation.command, "", {{invocation.command, given_settings(invocation)}}};
  return run_method(invocation, environment, options, method, "." + invocation.command);
}

}  // namespace quench::cli
