#include "runtime/requantization.h"

#include "core/error.h"

namespace quench::runtime {

bool has_dyadic_requantization(const graph::Graph& graph) {
  const auto found = graph.metadata.find("requantization");
  return found != graph.metadata.end() && found->second == "dyadic";
}

void require_float_requantization(const graph::Graph& graph, std::string_view where) {
  if (!has_dyadic_requantization(graph)) return;
  fail(ErrorKind::unsupported,
       "[{}] expected a model of 'requantization: float', got dyadic: the native engine alone runs between bytes in "
       "integers",
       where);
}

}  // namespace quench::runtime
