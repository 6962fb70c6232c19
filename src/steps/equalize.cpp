#include "quant/equalize.h"

#include <fmt/ranges.h>

#include "core/text.h"
#include "steps/step.h"

namespace quench::steps {

/// Cross-layer equalization, where it is exact.
graph::Graph run_equalize(const StepInput& input) {
  quant::Equalized made = quant::equalize(input.model.graph);
  input.log.info(fmt::format("equalize: {} of layers equalized in {}", counted(made.pairs.size(), "pair"),
                             counted(made.rounds, "round")));
  if (!made.left.empty()) {
    input.log.info(
        fmt::format("equalize: {} left as they are, since a silu stands between (silu(s x) is not s silu(x))",
                    counted(made.left.size(), "pair")));
  }
  made.graph.metadata["equalized"] = std::to_string(made.pairs.size());
  made.graph.metadata["parent_sha256"] = input.model.sha256;
  return std::move(made.graph);
}

}  // namespace quench::steps
