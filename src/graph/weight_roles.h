#pragma once

#include <span>
#include <string_view>

#include "graph/graph.h"

namespace quench::graph {

/// One weight that an operation may own.
struct WeightRole {
  std::string_view name;
  bool required;
};

/// The weights of an operation, in the order in which ONNX takes them as inputs.
std::span<const WeightRole> weight_roles(Op op);

/// conv, linear and add: the operations whose `activation` may be set.
bool can_fuse_activation(Op op);

/// A name that `taken` refuses is extended by `_2`, `_3`, ... until it does not.
template <typename Taken>
std::string free_name(std::string name, const Taken& taken) {
  if (!taken(name)) return name;
  for (int i = 2;; ++i) {
    std::string candidate = name + "_" + std::to_string(i);
    if (!taken(candidate)) return candidate;
  }
}

}  // namespace quench::graph
