#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "core/cancel.h"
#include "core/log.h"
#include "core/shards.h"
#include "data/sets/dataset.h"
#include "graph/onnx_read.h"
#include "methods/chain.h"
#include "processes/group.h"
#include "prune/latency_cost.h"
#include "train/loop/resume.h"

namespace quench::steps {

/// What a step works with.
struct StepInput {
  const graph::ModelFile& model;  ///< that it starts from
  const Json& settings;           ///< effective values of its option table
  const data::Splits* data;       ///< null where it needs none
  std::filesystem::path folder;   ///< for checkpoints, to go on from after a kill
  train::Resume resume = train::Resume::or_fail;
  const LogSink& log;
  const CancelToken& cancel;
  const graph::ModelFile* original = nullptr;     ///< the model that the chain's steps begin with; null: none yet
  std::filesystem::path data_root = {};           ///< where files that settings name are looked for, too
  prune::LatencyOf latency = {};                  ///< where a model's time goes on a device; empty: it cannot be told
  const graph::ModelFile* unquantized = nullptr;  ///< the float model that the chain's `quantize` was given; null: none
  processes::Group* group = nullptr;  ///< processes that train together, each alike; null: one. Rank 0 writes
  int local_rank = 0;                 ///< among those on this machine
  const Shards* shards = nullptr;     ///< processes that share the step's pictures; null: this one has all
};
using StepFunction = std::function<graph::Graph(const StepInput&)>;

/// The steps that this program can run: descriptions, and the functions that do the work.
class Registry {
 public:
  /// Throws Error{internal} for a name that is there.
  void add(methods::StepInfo info, StepFunction function);
  const methods::StepTable& table() const { return table_; }
  /// The data are prepared as the model wants them (models/preparation.h): no step needs to know.
  /// Throws Error{config} for a name that is not there.
  graph::Graph run(const std::string& step, const StepInput& input) const;

 private:
  methods::StepTable table_;
  std::map<std::string, StepFunction> functions_;
};

/// All of methods/step_list.h. Whatever calls this needs LibTorch.
Registry registry();

/// The same without their work, for plans: running one throws Error{internal}. Needs no LibTorch.
Registry described();

/// What steps ask about a model before they begin.
methods::ModelKind kind_of(const graph::Graph& graph);

/// A whole chain in memory, checkpoints in `folder`, of several steps in `folder`/<number>-<step>: what a command does
/// with one model, which is the original of its teachers. steps: effective ones (methods::effective_steps).
graph::Graph run_chain(const Registry& registry, const graph::ModelFile& model,
                       const std::vector<methods::ChainStep>& steps, const StepInput& rest);

}  // namespace quench::steps
