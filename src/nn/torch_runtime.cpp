#include "nn/torch_runtime.h"

#include <c10/core/InferenceMode.h>
#include <torch/types.h>
#include <torch/version.h>

#include <algorithm>

#include "core/error.h"
#include "graph/passes.h"
#include "nn/graph_module.h"
#include "nn/intra_op_threads.h"

namespace quench::nn {

namespace {

/// A quantized graph is folded already, and its values must stay as they are.
graph::Graph folded(const graph::Graph& graph) {
  const bool has_batch_norm = std::any_of(graph.nodes.begin(), graph.nodes.end(),
                                          [](const graph::Node& node) { return node.op == graph::Op::batch_norm; });
  return has_batch_norm ? graph::fold_batch_norms(graph) : graph;
}

class TorchSession : public runtime::Session {
 public:
  TorchSession(graph::Graph graph, int threads)
      : input_(graph.edge(graph.inputs.at(0))), threads_(threads), module_(std::move(graph)) {}

  DType input_dtype() const override { return input_.dtype == DType::u8 ? DType::u8 : DType::f32; }

  std::vector<Tensor> run(const Tensor& input) override {
    runtime::require_input(input, input_dtype(), input_.shape, "nn.torch_runtime");
    const IntraOpThreads threads(threads_);
    const c10::InferenceMode inference;
    try {
      std::vector<Tensor> outputs;
      for (const torch::Tensor& value : module_.forward(to_torch(input))) outputs.push_back(to_host(value));
      return outputs;
    } catch (const c10::Error& error) {
      fail(ErrorKind::backend, "[nn.torch_runtime] LibTorch failed: {}", error.what_without_backtrace());
    }
  }

 private:
  graph::Edge input_;
  int threads_;
  GraphModule module_;
};

class TorchRuntime : public runtime::Runtime {
 public:
  std::string name() const override { return "torch"; }
  runtime::Availability availability() const override { return {true, TORCH_VERSION, ""}; }
  std::unique_ptr<runtime::Session> load(const graph::ModelFile& model,
                                         const runtime::SessionOptions& options) const override {
    if (options.threads < 1)
      fail(ErrorKind::config, "[nn.torch_runtime] expected threads >= 1, got {}", options.threads);
    return std::make_unique<TorchSession>(graph::fuse_activations(folded(model.graph)), options.threads);
  }
};

}  // namespace

std::unique_ptr<runtime::Runtime> torch_runtime() { return std::make_unique<TorchRuntime>(); }

}  // namespace quench::nn
