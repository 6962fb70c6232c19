#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/cancel.h"
#include "core/log.h"
#include "graph/graph.h"
#include "platform/layer_graph.h"
#include "remote/remote_agent.h"

namespace quench::latency_table {

/// Times layers and models on a machine.
class Timer {
 public:
  virtual ~Timer() = default;
  /// The machine, as a table's key has it.
  virtual std::string device() const = 0;
  /// Layers that are best asked for at once: what they took is kept before the next are asked for.
  virtual size_t at_once() const = 0;
  /// ns of each layer, by entry and output width. Throws Error{unsupported} for what the runtime does not run.
  virtual std::vector<std::vector<double>> layers(const std::vector<platform::LayerWidths>& all) = 0;
  /// Median latency of a model in ns, at batch 1.
  virtual double model(const graph::Graph& graph) = 0;
};

/// This machine, as a table's key has it: its processor and the strongest extension.
std::string this_machine();

/// This machine, by the native runtime. cancel must outlive it.
std::unique_ptr<Timer> host_timer(int threads, const CancelToken& cancel);

/// A board, by its quench-agent and the native runtime: reached when the first time is asked for. log and cancel must
/// outlive it.
std::unique_ptr<Timer> board_timer(remote::AgentPlace place, int threads, const LogSink& log,
                                   const CancelToken& cancel);

}  // namespace quench::latency_table
