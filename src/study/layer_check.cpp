#include "study/layer_check.h"

#include <fmt/format.h>

#include <optional>

#include "core/error.h"
#include "core/without_place.h"
#include "models/spec.h"
#include "steps/layer_names.h"

namespace quench::study {

void check_layers(const StudyFile& study, const std::string& where) {
  for (const ModelEntry& model : study.models) {
    std::optional<graph::Graph> graph;  // layers have their names whatever the classes and weights are
    for (const methods::Method& method : study.methods) {
      if (!model.takes(method)) continue;
      for (const methods::ChainStep& step :
           methods::effective_steps(method, study.steps, {study.task}, model.train, where + ".methods")) {
        if (!steps::names_layers(step)) continue;
        try {
          if (!graph) {
            graph = models::build(model.model["model"].get<std::string>(),
                                  {{}, model.model["imgsz"].get<int>(), model.model["stem_stride"].get<int>(), 0});
          }
          steps::check_layer_names(step, *graph);
        } catch (const Error& error) {
          fail(error.kind(), "{}.methods, {} of {}: {}", where, method.method, model.label,
               without_place(error.what()));
        }
      }
    }
  }
}

}  // namespace quench::study
