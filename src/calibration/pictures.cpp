#include "calibration/pictures.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "calibration/copies.h"
#include "core/clock.h"
#include "core/error.h"
#include "data/loading/loader.h"
#include "graph/image_side.h"
#include "graph/magnitude.h"
#include "nn/graph_module.h"
#include "quant/image_batches.h"
#include "quant/observed_values.h"
#include "train/loop/evaluation.h"
#include "train/loop/fit_settings.h"
#include "train/loop/objective.h"

namespace quench::calibration {
namespace {

/// One image of a batch as a batch of its own.
data::Batch image_of(const data::Batch& batch, size_t i, int side) {
  data::Batch one;
  one.images = Tensor(DType::u8, {1, side, side, 3});  // losses ask for its shape alone
  one.labels = {batch.labels.at(i)};
  if (!batch.objects.empty()) one.objects = {batch.objects.at(i)};
  if (!batch.letterboxes.empty()) one.letterboxes = {batch.letterboxes.at(i)};
  one.indices = {batch.indices.at(i)};
  return one;
}

class Pass {
 public:
  Pass(const quant::Placement& placement, const data::Splits& data, const std::vector<int64_t>& indices,
       const LogSink& log, const CancelToken& cancel)
      : placement_(placement),
        data_(data),
        log_(log),
        cancel_(cancel),
        observed_(quant::observed_groups(placement)),
        module_(placement.graph),
        objective_(data.train->classes().empty()  // pictures without labels have no loss
                       ? nullptr
                       : train::make_objective(placement.graph, data,
                                               train::parse_settings(Json::object(), placement.graph))) {
    loading_.imgsz = graph::image_side(placement.graph);
    loading_.batch = quant::images_a_pass(loading_.imgsz);
    loading_.subset = indices;
    module_.set_edge_hook([this](graph::EdgeId edge, const torch::Tensor& value) { count(edge, value); });
  }

  std::vector<Picture> run() {
    const torch::NoGradGuard no_gradient;
    const int64_t start_ns = now_ns();
    data::Loader loader(data_.train, loading_);
    loader.start(0);
    while (const auto batch = loader.next()) {
      cancel_.check();
      add(*batch);
      log_.show_step({.phase = "calibrate",
                      .done = static_cast<int64_t>(pictures_.size()),
                      .total = static_cast<int64_t>(loading_.subset.size()),
                      .seconds = seconds_since(start_ns),
                      .things = "images"});
      log_.show_progress(fmt::format("calibrate: {} of {} images", pictures_.size(), loading_.subset.size()));
    }
    if (loader.left_out().count() > 0) {
      log_.warning(data::to_text(loader.left_out().images(), static_cast<int64_t>(loading_.subset.size()), "images"));
    }
    require_variety();
    return std::move(pictures_);
  }

 private:
  void add(const data::Batch& batch) {
    indices_ = batch.indices;
    histograms_.assign(indices_.size(), std::vector<quant::Histogram>(placement_.groups.size()));
    const std::vector<torch::Tensor> outputs = module_.forward(train::pixels_of(batch.images, torch::kCPU));
    const auto pixels = batch.images.values<uint8_t>();
    const size_t each = pixels.size() / indices_.size();
    for (size_t i = 0; i < indices_.size(); ++i) {
      Picture& picture = pictures_.emplace_back();
      picture.index = indices_[i];
      picture.name = data_.train->file(picture.index).filename().string();
      picture.look = look_of(pixels.subspan(i * each, each), loading_.imgsz,
                             batch.letterboxes.empty() ? nullptr : &batch.letterboxes[i]);
      picture.loss = objective_ ? loss(outputs, batch, i) : std::nan("");
      for (const quant::Histogram& histogram : histograms_[i]) picture.groups.emplace_back(histogram);
    }
  }

  double loss(const std::vector<torch::Tensor>& outputs, const data::Batch& batch, size_t i) {
    std::vector<torch::Tensor> own;
    for (const torch::Tensor& value : outputs) own.push_back(value.narrow(0, static_cast<int64_t>(i), 1));
    const double value = objective_->loss(own, image_of(batch, i, loading_.imgsz)).item<double>();
    if (!std::isfinite(value)) {
      fail(ErrorKind::data, "calibrate: expected a finite loss, got {} (training image {})", value, batch.indices[i]);
    }
    return value;
  }

  void count(graph::EdgeId edge, const torch::Tensor& value) {
    const int group = observed_.group_of[static_cast<size_t>(edge)];
    if (group < 0) return;
    for (size_t i = 0; i < histograms_.size(); ++i) {
      try {
        torch::Tensor held;
        histograms_[i][static_cast<size_t>(group)].add(quant::observed_values(value[static_cast<int64_t>(i)], held));
      } catch (const Error& error) {
        throw Error(error.kind(), fmt::format("{} (edge {}, training image {})", error.what(),
                                              placement_.graph.edge(edge).name, indices_[i]));
      }
    }
  }

  void require_variety() const {
    const std::string& first = pictures_.front().look.sha256;
    if (pictures_.size() > 1 &&
        std::ranges::all_of(pictures_, [&](const Picture& picture) { return picture.look.sha256 == first; })) {
      fail(ErrorKind::data, "calibrate: expected pictures that differ, got {} copies of training image {}",
           pictures_.size(), pictures_.front().index);
    }
    for (size_t g = 0; g < placement_.groups.size(); ++g) {
      quant::Range all = pictures_.front().groups[g].extent();
      for (const Picture& picture : pictures_) {
        all = {std::min(all.low, picture.groups[g].extent().low), std::max(all.high, picture.groups[g].extent().high)};
      }
      if (all.low < all.high) continue;
      fail(ErrorKind::data, "calibrate: expected activations that vary, got {} everywhere in all {} pictures (edge {})",
           all.low, pictures_.size(), placement_.graph.edge(placement_.groups[g].front()).name);
    }
  }

  const quant::Placement& placement_;
  const data::Splits& data_;
  const LogSink& log_;
  const CancelToken& cancel_;
  quant::ObservedGroups observed_;
  nn::GraphModule module_;
  std::unique_ptr<train::Objective> objective_;
  data::LoaderOptions loading_;
  std::vector<int64_t> indices_;                           ///< of the batch
  std::vector<std::vector<quant::Histogram>> histograms_;  ///< of each image of the batch, of each group
  std::vector<Picture> pictures_;
};

}  // namespace

std::vector<Picture> look_at_pictures(const quant::Placement& placement, const data::Splits& data,
                                      const std::vector<int64_t>& indices, const LogSink& log,
                                      const CancelToken& cancel) {
  graph::require_magnitudes(placement.graph);
  return Pass(placement, data, indices, log, cancel).run();
}

size_t histogram_bytes(const std::vector<Picture>& pictures) {
  size_t sum = 0;
  for (const Picture& picture : pictures) {
    for (const quant::CompactHistogram& one : picture.groups) sum += one.bytes();
  }
  return sum;
}

}  // namespace quench::calibration
