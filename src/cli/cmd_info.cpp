#include <iostream>
#include <optional>

#include "cli/base_commands.h"
#include "cli/commands.h"
#include "cli/info_groups.h"
#include "cli/latency_surroundings.h"
#include "cli/model_argument.h"
#include "cli/print.h"
#include "config/tables.h"
#include "core/error.h"
#include "core/json_text.h"
#include "core/printable.h"
#include "graph/passes.h"
#include "metrics/cost.h"
#include "metrics/nonzero.h"

namespace quench::cli {
namespace {

int64_t input_side(const graph::Graph& graph) { return graph.edge(graph.inputs.at(0)).shape.at(2); }

Json to_json(const graph::Graph& graph, const metrics::Cost& cost, const metrics::Cost& folded, int64_t nonzero) {
  Json layers = Json::array();
  for (const metrics::NodeCost& node : cost.nodes) {
    layers.push_back({{"name", node.name},
                      {"op", node.op},
                      {"input", node.input},
                      {"output", node.output},
                      {"params", node.params},
                      {"macs", node.macs},
                      {"bops", node.bops},
                      {"weights_bytes", node.weights_bytes},
                      {"activation_bytes", node.activation_bytes}});
  }
  return {{"model", graph.metadata.count("model") ? graph.metadata.at("model") : ""},
          {"imgsz", input_side(graph)},
          {"params", cost.params},
          {"params_folded", folded.params},
          {"nonzero_params", nonzero},
          {"macs", cost.macs},
          {"gflops", cost.gflops},
          {"bops", cost.bops},
          {"weights_bytes", folded.weights_bytes},  // as records have it
          {"weights_bytes_unfolded", cost.weights_bytes},
          {"metadata", graph.metadata},
          {"layers", std::move(layers)}};
}

std::string to_table(const std::string& name, const graph::Graph& graph, const metrics::Cost& cost,
                     const metrics::Cost& folded, int64_t nonzero) {
  std::vector<std::vector<std::string>> rows{{"#", "layer", "op", "output", "params", "MACs"}};
  for (const metrics::NodeCost& node : cost.nodes) {
    rows.push_back({std::to_string(rows.size()), node.name, node.op, to_string(node.output),
                    node.params ? grouped(node.params) : "", node.macs ? grouped(node.macs) : ""});
  }
  std::string out = text_table(rows);
  out += fmt::format(
      "\n{}: {} parameters ({} with batch norm folded), {:.3g} GFLOPs at {} px, weights {} ({} with batch norm "
      "folded)\n",
      printable_line(name), grouped(cost.params), grouped(folded.params), cost.gflops, input_side(graph),
      bytes_text(cost.weights_bytes), bytes_text(folded.weights_bytes));
  if (nonzero < folded.params) {
    out += fmt::format("{} of the folded parameters are not zero ({:.1f} %)\n", grouped(nonzero),
                       100 * static_cast<double>(nonzero) / static_cast<double>(folded.params));
  }
  for (const auto& [key, value] : graph.metadata) {
    const std::string shown = value.size() > 96 ? value.substr(0, 93) + "..." : value;
    out += printable_line(fmt::format("  {}: {}", key, shown)) + "\n";
  }
  return out;
}

/// What is asked about the time of groups, as settings of pruning; none where no device is named. Throws Error{config}
/// where the settings do not go together.
std::optional<Json> timed_settings(const Json& options) {
  const bool device = options["device"].is_string();
  if (device && (!options["groups"] || options["format"] == "svg")) {
    fail(ErrorKind::config, "[info] expected --groups and --format table or json with --device, got neither");
  }
  if (!device) {
    for (const char* option : {"latency_runtime", "latency_threads", "latency_precision"}) {
      if (options.contains(option)) fail(ErrorKind::config, "[info] expected --device with '{}', got none", option);
    }
    return std::nullopt;
  }
  Json settings = config::prune_options().part_of(options);
  settings["latency_device"] = options["device"];
  return settings;
}

}  // namespace

int run_info(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = program::settings(command("info"), Json::object(), invocation);
  const std::optional<Json> timed = timed_settings(options);
  const std::string& name = invocation.inputs.at(0);
  require_a_name(invocation.inputs, options);
  const graph::Graph graph = open_graph(name, options, environment);
  if (options["groups"]) {
    const prune::LatencyOf latency_of =
        timed ? latency_table::latency_of(latency_surroundings(environment), environment.log, *environment.cancel)
              : prune::LatencyOf();
    std::cout << info_groups(graph, options["format"], latency_of, timed.value_or(Json::object()));
    return program::kOk;
  }
  if (options["format"] == "svg") fail(ErrorKind::config, "[info] expected --groups with --format svg, got none");
  const metrics::Cost cost = metrics::cost(graph);
  const graph::Graph deployed = graph::fold_batch_norms(graph);
  const metrics::Cost folded = metrics::cost(deployed);
  const int64_t nonzero = metrics::nonzero_params(deployed);
  const bool json = options["format"] == "json";
  std::cout << (json ? json_text(to_json(graph, cost, folded, nonzero), 2) + "\n"
                     : to_table(name, graph, cost, folded, nonzero));
  return program::kOk;
}

}  // namespace quench::cli
