#include "steps/layer_names.h"

#include <algorithm>

#include "core/name_pattern.h"
#include "prune/sparsify.h"
#include "quant/placement_settings.h"

namespace quench::steps {
namespace {

const char* const kLists[] = {"float_layers", "layer_bits", "protect"};

bool has_entries(const Json& settings, const char* list) {
  return settings.contains(list) && settings[list].is_array() && !settings[list].empty();
}

std::vector<std::string> layers_of(const graph::Graph& graph) {
  std::vector<std::string> names;
  for (const graph::Node& node : graph.nodes) {
    if (node.op == graph::Op::conv || node.op == graph::Op::linear) names.push_back(node.name);
  }
  return names;
}

}  // namespace

bool names_layers(const methods::ChainStep& step) {
  return step.step == "sparsify" ||
         std::ranges::any_of(kLists, [&](const char* list) { return has_entries(step.settings, list); });
}

void check_layer_names(const methods::ChainStep& step, const graph::Graph& graph) {
  if (step.step == "sparsify") return prune::check_sparsify(graph, step.settings);
  if (has_entries(step.settings, "protect")) {
    select_names(step.settings["protect"].get<std::vector<std::string>>(), layers_of(graph), "[prune] protect",
                 "convolution or linear layer");
  }
  if (step.step == "quantize") quant::place(graph, quant::placement_options(step.settings));
}

}  // namespace quench::steps
