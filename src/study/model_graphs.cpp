#include "study/model_graphs.h"

#include "models/spec.h"

namespace quench::study {

const graph::Graph& ModelGraphs::of(const ModelEntry& model) {
  const auto found = graphs_.find(model.label);
  if (found != graphs_.end()) return found->second;
  const models::BuildOptions options{classes_, model.model["imgsz"].get<int>(), model.model["stem_stride"].get<int>(),
                                     0};
  return graphs_.emplace(model.label, models::build(model.model["model"], options)).first->second;
}

}  // namespace quench::study
