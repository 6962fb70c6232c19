#include <algorithm>
#include <optional>

#include "core/error.h"
#include "core/hash.h"
#include "data/sets/prepared.h"
#include "graph/image_side.h"
#include "graph/onnx_write.h"
#include "graph/quantized.h"
#include "graph/sparse_layers.h"
#include "methods/step_list.h"
#include "models/preparation.h"
#include "models/task.h"
#include "steps/step.h"

namespace quench::steps {

void Registry::add(methods::StepInfo info, StepFunction function) {
  functions_[info.name] = std::move(function);
  table_.add(std::move(info));
}

graph::Graph Registry::run(const std::string& step, const StepInput& input) const {
  const methods::StepInfo& info = table_.require(step, "[steps]");
  try {
    info.gives(kind_of(input.model.graph));
  } catch (const Error& error) {
    fail(error.kind(), "[steps.{}] {}", step, error.what());
  }
  ensure(input.data || info.reads(input.settings) == methods::Needs::nothing, "[steps.{}] expected data, got none",
         step);
  const pixels::Preparation preparation = models::preparation_of(input.model.graph);
  if (!input.data || preparation.is_own()) return functions_.at(step)(input);
  const bool augments = step == "train" || step == "finetune";
  const data::Splits pictures =
      data::prepared(*input.data, preparation, graph::image_side(input.model.graph), augments);
  StepInput prepared = input;
  prepared.data = &pictures;
  return functions_.at(step)(prepared);
}

Registry described() {
  Registry all;
  const methods::StepTable table = methods::step_table();
#define QUENCH_ADD(name)                                                          \
  all.add(table.require(#name, "[steps]"), [](const StepInput&) -> graph::Graph { \
    fail(ErrorKind::internal, "[steps.{}] only described here", #name);           \
  });
  QUENCH_STEPS(QUENCH_ADD)
#undef QUENCH_ADD
  return all;
}

methods::ModelKind kind_of(const graph::Graph& graph) {
  methods::ModelKind kind{models::task_of(graph), false, false};
  kind.quantized = graph::is_quantized(graph);
  kind.integers =
      std::ranges::any_of(graph.weights, [](const auto& weight) { return weight.second.value.dtype() == DType::i8; });
  kind.sparse = graph::is_sparse(graph);
  return kind;
}

graph::Graph run_chain(const Registry& registry, const graph::ModelFile& model,
                       const std::vector<methods::ChainStep>& steps, const StepInput& rest) {
  graph::ModelFile now = model;
  // What a step that begins makes is made from nothing that could teach it.
  const bool begins = !steps.empty() && registry.table().require(steps.front().step, "[steps]").begins;
  int number = 0;
  std::optional<graph::ModelFile> unquantized;
  for (const methods::ChainStep& step : steps) {
    const std::string own = steps.size() == 1 ? "" : fmt::format("{}-{}", ++number, step.step);
    const StepInput input{now,
                          step.settings,
                          rest.data,
                          rest.folder / own,
                          rest.resume,
                          rest.log,
                          rest.cancel,
                          begins ? nullptr : &model,
                          rest.data_root,
                          rest.latency,
                          unquantized ? &*unquantized : nullptr,
                          rest.group,
                          rest.local_rank,
                          rest.shards};
    if (methods::quantizes(step.step)) unquantized = now;
    now.graph = registry.run(step.step, input);
    now.bytes = graph::write_onnx(now.graph);
    now.sha256 = sha256_hex(now.bytes);
  }
  return now.graph;
}

}  // namespace quench::steps
