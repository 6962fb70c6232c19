#include "steps/show_images.h"

#include <torch/types.h>

#include <cmath>

#include "core/clock.h"
#include "core/error.h"
#include "core/task.h"
#include "core/text.h"
#include "data/loading/evaluation_images.h"
#include "data/loading/loader.h"
#include "graph/image_side.h"
#include "models/task.h"
#include "nn/graph_module.h"
#include "train/loop/evaluation.h"
#include "train/loop/fit_settings.h"
#include "train/loop/objective.h"

namespace quench::steps {
namespace {

/// Images a pass where no gradient is asked for, at most.
constexpr int64_t kMostImages = 64;

/// The model, and what a criterion sees of it.
class Show {
 public:
  Show(prune::ImageCriterion& criterion, const graph::Graph& graph, const data::Splits& data)
      : criterion_(criterion),
        module_(graph),
        objective_(train::make_objective(graph, data, train::parse_settings(Json::object(), graph))),
        shown_(graph.edges.size(), false) {
    const std::vector<graph::EdgeId> edges = criterion.edges();
    for (const graph::EdgeId edge : edges) shown_[static_cast<size_t>(edge)] = true;
    if (edges.empty()) return;
    module_.set_edge_hook([this](graph::EdgeId edge, const torch::Tensor& value) {
      if (shown_[static_cast<size_t>(edge)]) seen_.values[edge] = nn::to_host(value);
    });
  }

  void batch(const data::Batch& batch) {
    seen_ = {};
    const bool objects = !batch.objects.empty();
    if (!objects) seen_.labels = batch.labels;
    for (const auto& of_image : batch.objects) {
      auto& present = seen_.present.emplace_back();
      for (const data::Object& object : of_image) present.push_back(object.label);
    }
    const torch::Tensor pixels = train::pixels_of(batch.images, module_.device());
    if (criterion_.wants_gradients()) {
      take_gradients(pixels, batch);
    } else {
      const torch::NoGradGuard no_gradient;
      module_.forward(pixels);
    }
    criterion_.add(seen_);
  }

 private:
  void take_gradients(const torch::Tensor& pixels, const data::Batch& batch) {
    const auto parameters = module_.parameters();
    for (const auto& [name, value] : parameters) value.mutable_grad().reset();
    const torch::Tensor loss = objective_->loss(module_.forward(pixels), batch);
    if (const double value = loss.item<double>(); !std::isfinite(value)) {
      fail(ErrorKind::data, "[steps.show_images] expected a finite loss, got {} (training image {} and those after it)",
           value, batch.indices.front());
    }
    if (!loss.requires_grad()) return;
    loss.backward();
    for (const auto& [name, value] : parameters) {
      if (value.grad().defined()) seen_.gradients.emplace(name, nn::to_host(value.grad()));
    }
  }

  prune::ImageCriterion& criterion_;
  nn::GraphModule module_;
  std::unique_ptr<train::Objective> objective_;
  std::vector<bool> shown_;
  prune::SeenBatch seen_;
};

}  // namespace

Json show_images(prune::ImageCriterion& criterion, const graph::Graph& graph, const data::Splits& data,
                 const Json& settings, const LogSink& log, const CancelToken& cancel) {
  const int64_t start_ns = now_ns();
  models::require_fit(graph, data.train->task(), data.train->classes());
  const auto seed = settings.at("calibration_seed").get<uint64_t>();
  const data::Subset subset =
      data::calibration_subset(*data.train, settings.at("calibration_images").get<int64_t>(), seed);
  data::LoaderOptions loading;
  loading.imgsz = graph::image_side(graph);
  loading.batch = criterion.batch() > 0 ? criterion.batch() : data::evaluation_batch(loading.imgsz, kMostImages);
  loading.subset = subset.indices;
  if (const auto most = static_cast<int64_t>(subset.indices.size()); criterion.batch() > most) {
    log.warning(fmt::format("calibration_batch is {}, and there are {}: the mean gradient of all is one sample",
                            criterion.batch(), counted(most, "calibration image")));
  }
  const auto classes = static_cast<int64_t>(data.train->classes().size());
  if (const auto images = static_cast<int64_t>(subset.indices.size());
      require_task(data.train->task(), "[steps.show_images]").labels == Labels::image_class &&
      images < criterion.fewest_images(classes)) {
    log.warning(
        fmt::format("calibration_images: this criterion wants {} or more for {} classes, and there are {}: with fewer "
                    "it tells channels "
                    "apart by little but chance",
                    criterion.fewest_images(classes), classes, images));
  }
  data::Loader loader(data.train, loading);
  loader.start(0);
  Show show(criterion, graph, data);
  int64_t images = 0;
  while (const auto batch = loader.next()) {
    cancel.check();
    show.batch(*batch);
    images += batch->images.shape()[0];
    log.show_progress(fmt::format("looked at {}/{} images", images, subset.indices.size()));
  }
  if (loader.left_out().count() > 0) {
    log.warning(
        data::to_text(loader.left_out().images(), static_cast<int64_t>(subset.indices.size()), "calibration images"));
  }
  log.info(fmt::format("looked at {} in {:.1f} s", counted(images, "image"), seconds_since(start_ns)));
  Json told{{"calibration_images", images}, {"calibration_seed", seed}, {"calibration_sha256", subset.sha256}};
  if (criterion.wants_gradients()) told["calibration_batch"] = loading.batch;
  return told;
}

prune::ShowImages shows_data_of(const StepInput& input) {
  if (!input.data) return {};
  return [&input](prune::ImageCriterion& criterion) {
    return show_images(criterion, input.model.graph, *input.data, input.settings, input.log, input.cancel);
  };
}

}  // namespace quench::steps
