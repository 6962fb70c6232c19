#pragma once

#include <string>

namespace quench::graph {

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
