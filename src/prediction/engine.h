#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "runtime/runtime.h"

namespace quench::prediction {

/// A model in a runtime, for inputs of any size.
class Engine {
 public:
  /// Throws Error{data} where a weight is too large to mean anything (graph/magnitude.h), and what load() throws.
  Engine(const runtime::Runtime& runtime, const graph::ModelFile& model, const runtime::SessionOptions& options);
  const graph::Graph& graph() const { return model_.graph; }
  /// Those of the runtime, 1 or more.
  int threads() const { return std::max(1, options_.threads); }
  /// The model as it is.
  runtime::Session& session() { return *sessions_.at(own_size()); }
  /// The model for another input size, made at first use.
  runtime::Session& session(int64_t height, int64_t width);

 private:
  std::pair<int64_t, int64_t> own_size() const;

  const runtime::Runtime& runtime_;
  const graph::ModelFile& model_;
  runtime::SessionOptions options_;
  std::map<std::pair<int64_t, int64_t>, std::unique_ptr<runtime::Session>> sessions_;
};

}  // namespace quench::prediction
