#include <algorithm>
#include <string>
#include <vector>

#include "cli/base_commands.h"
#include "cli/commands.h"
#include "cli/model_argument.h"
#include "cli/print.h"
#include "config/yaml.h"
#include "core/error.h"
#include "graph/input_normalization.h"
#include "graph/onnx_write.h"
#include "metrics/cost.h"
#include "weights/import.h"
#include "weights/model_file.h"

namespace quench::cli {
namespace {

/// The class names of a data.yaml: a list, or a map by number.
std::vector<std::string> names_of(const std::string& path) {
  const Json file = config::read_yaml(path);
  const Json names = file.is_object() ? file.value("names", Json()) : Json();
  std::vector<std::string> out;
  for (size_t i = 0; i < names.size() && names.is_structured(); ++i) {
    const Json name = names.is_array() ? names[i] : names.value(std::to_string(i), Json());
    if (name.is_null()) break;
    out.push_back(name.is_string() ? name.get<std::string>() : name.dump());
  }
  if (out.empty() || out.size() != names.size()) {
    fail(ErrorKind::config, "[cli.import] expected `names` as a list, or by number from 0, got another value ({})",
         path);
  }
  return out;
}

}  // namespace

int run_import(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = program::settings(command("import"), Json::object(), invocation);
  if (options["output"].is_null()) fail(ErrorKind::config, "import: expected -o FILE, got none");
  weights::ImportOptions wanted;
  if (!options["model"].is_null()) wanted.model = options["model"].get<std::string>();
  wanted.imgsz = options["imgsz"].get<int>();
  if (!options["classes_from"].is_null()) wanted.classes = names_of(options["classes_from"].get<std::string>());

  const graph::Graph graph = weights::import_file(released_or(invocation.inputs.at(0), environment), wanted);
  weights::warn_of_import(graph, environment.log);
  const std::string path = options["output"];
  const std::string sha256 = graph::save_onnx(graph, path);
  const bool folded =
      std::ranges::none_of(graph.nodes, [](const graph::Node& node) { return node.op == graph::Op::batch_norm; });
  const bool normalizes = graph::input_normalization(graph) != nullptr;
  environment.log.info(fmt::format("wrote {}: {}, {} parameters, {} px{}{} (sha256 {})", path,
                                   graph.metadata.at("model"), grouped(metrics::cost(graph).params),
                                   graph.edge(graph.inputs.at(0)).shape.at(2), folded ? ", batch norm folded" : "",
                                   normalizes ? ", normalises its input" : "", sha256.substr(0, 16)));
  return program::kOk;
}

}  // namespace quench::cli
