#include "conformance_cases.h"
#include "graph/passes.h"
#include "models/spec.h"
#include "prune/surgery.h"
#include "prune_testing.h"

namespace quench::runtime::conformance {
namespace {

/// A model of the catalog without half of every group's channels, by random scores; expected is the full model with
/// these at zero.
Case pruned(const std::string& model, bool folded) {
  graph::Graph full = models::build(model, {.classes = {"a", "b", "c"}, .imgsz = 32});
  prune::shake_batch_norms(full, 3);
  const auto groups = prune::channel_groups(full);
  const auto scores = prune::random_scores(groups, 5);
  const prune::Keep keep = prune::keep_ratio(full, groups, scores, prune::Ranking::local, 0.5, {.keep_min = 3});
  Case made;
  made.name = "pruned_" + model + (folded ? "_folded" : "");
  std::ranges::replace(made.name, '-', '_');
  made.graph = prune::cut_channels(full, groups, keep);
  if (folded) made.graph = graph::fuse_activations(graph::fold_batch_norms(made.graph));
  made.reference = prune::zero_channels(full, groups, keep);
  return made;
}

}  // namespace

std::vector<Case> pruned_cases() {
  return {pruned("yolov5n-cls", false), pruned("yolov8n-cls", true), pruned("yolov5n", true), pruned("yolov8n", false)};
}

}  // namespace quench::runtime::conformance
