#include "cli/lab_commands.h"
#include "config/tables.h"
#include "core/error.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"
#include "models/spec.h"
#include "study/compress.h"
#include "study/stages.h"
#include "train/trainer.h"

namespace quench::cli {
namespace {

namespace fs = std::filesystem;

/// The graph to start from: a model by name with initial weights, or a trained ONNX file to fine-tune.
graph::Graph starting_graph(const Json& options, const data::Splits& data) {
  const std::string name = options["model"];
  if (name.ends_with(".onnx") || name.find('/') != std::string::npos) return graph::read_model(name).graph;
  return models::build(name, {data.train->classes(), options["imgsz"].get<int>(), options["stem_stride"].get<int>(),
                              options["seed"].get<uint64_t>()});
}

fs::path work_folder(const Json& options, const fs::path& output, const char* suffix) {
  return options["work"].is_string() ? fs::path(options["work"].get<std::string>())
                                     : fs::path(output.string() + suffix);
}

}  // namespace

int run_train(const Invocation& invocation, const Environment& environment) {
  const Json options = lab_settings(invocation);
  const fs::path output = require_output(options, invocation);
  const std::string name = options["model"];
  if (!name.ends_with(".onnx") && name.find('/') == std::string::npos) models::spec(name);  // before the data is read
  const data::Splits data = study::open_data(options, environment.data_root);
  const graph::Graph start = starting_graph(options, data);
  Json config = (config::train_options() + config::augment_options()).part_of(options);
  config["imgsz"] = start.edge(start.inputs.at(0)).shape.at(2);
  const train::FitResult result = train::fit(
      start, data, config,
      {work_folder(options, output, ".train"), &environment.log, environment.cancel, options["resume"].get<bool>()});
  graph::save_onnx(result.graph, output);
  environment.log.info(fmt::format("wrote {}: top-1 {:.2f} %, top-5 {:.2f} % on {} test images", output.string(),
                                   100 * result.top1, 100 * result.top5, data.test->size()));
  return kOk;
}

int run_quantize(const Invocation& invocation, const Environment& environment) {
  const Json options = lab_settings(invocation);
  const fs::path output = require_output(options, invocation);
  const graph::ModelFile parent = graph::read_model(invocation.inputs.at(0));
  const data::Splits data = study::open_data(options, environment.data_root);
  const study::CompressRequest request{options["method"], config::quantize_options().part_of(options),
                                       (config::qat_options() + config::augment_options()).part_of(options)};
  const graph::Graph made = study::compress(parent, data, request, work_folder(options, output, ".qat"),
                                            environment.log, *environment.cancel);
  const std::string sha256 = graph::save_onnx(made, output);
  environment.log.info(fmt::format("wrote {} (sha256 {})", output.string(), sha256.substr(0, 16)));
  return kOk;
}

}  // namespace quench::cli
