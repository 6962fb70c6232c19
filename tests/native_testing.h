#pragma once

#include <vector>

#include "runtime/native/isa.h"
#include "runtime/native/native.h"

namespace quench::runtime {

/// What the native engine makes of an input, on one instruction set.
inline std::vector<Tensor> run_native(const graph::Graph& graph, native::Isa isa, int threads, const Tensor& input) {
  graph::ModelFile file;
  file.graph = graph;
  return native_runtime()
      ->load(file, {.threads = threads, .profile_path = "", .isa = native::to_string(isa)})
      ->run(input);
}

}  // namespace quench::runtime
