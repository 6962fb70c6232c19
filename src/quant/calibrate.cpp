#include "quant/calibrate.h"

#include <fmt/ranges.h>
#include <torch/types.h>

#include "core/error.h"
#include "core/hash.h"
#include "data/loading/loader.h"
#include "graph/image_side.h"
#include "graph/magnitude.h"
#include "nn/graph_module.h"
#include "nn/intra_op_threads.h"
#include "quant/channel_squares.h"
#include "quant/image_batches.h"
#include "quant/observed_values.h"

namespace quench::quant {
namespace {

constexpr const char* kForm = "calibration 1";

/// What the images show: all that a calibration is made of.
struct Observed {
  std::vector<std::unique_ptr<Observer>> observers;  ///< of each group
  std::map<graph::EdgeId, ChannelSquares> squares;
  int64_t images = 0;
  std::vector<LeftOutImage> left_out;

  std::string write() const {
    ByteWriter out(kForm);
    out.number(images);
    data::write_left_out(out, left_out);
    for (const auto& observer : observers) observer->write(out);
    for (const auto& [edge, sums] : squares) sums.write(out);
    return out.bytes();
  }
  void add(const std::string& bytes) {
    ByteReader in(bytes, kForm);
    images += in.number();
    data::merge_left_out(left_out, data::read_left_out(in));
    for (const auto& observer : observers) observer->add(in);
    for (auto& [edge, sums] : squares) sums.add(in);
  }
};

/// The groups of a placement on images.
class Calibrator {
 public:
  Calibrator(const Placement& placement, std::shared_ptr<const data::Dataset> images,
             const std::vector<int64_t>& indices, const CalibrateOptions& options, const LogSink& log,
             const CancelToken& cancel)
      : placement_(placement),
        images_(std::move(images)),
        indices_(indices),
        options_(options),
        log_(log),
        cancel_(cancel),
        groups_(observed_groups(placement)) {}

  /// Of all images.
  Observed observe() const {
    const int imgsz = graph::image_side(placement_.graph);
    const int64_t batch = images_a_pass(imgsz);
    const auto all = static_cast<int64_t>(indices_.size());
    data::LoaderOptions loading;
    loading.imgsz = imgsz;
    loading.batch = batch;
    if (!is_shared(options_.shards)) {
      loading.subset = indices_;
      return of(loading);
    }
    require_same(*options_.shards, indices_text(), "the calibration images");
    const Share share = share_of(all, batch, options_.shards);
    loading.subset.assign(indices_.begin() + share.first, indices_.begin() + share.last);
    loading.is_share = true;
    Observed whole = nothing();
    for (const std::string& bytes : exchange_work(*options_.shards, [&] { return of(loading).write(); })) {
      whole.add(bytes);
    }
    if (whole.images == 0) data::fail_none_read(whole.left_out, images_->size());
    return whole;
  }

 private:
  std::string indices_text() const { return sha256_hex(fmt::format("{}", fmt::join(indices_, " "))); }

  Observed nothing() const {
    Observed out;
    for (const bool before_silu : groups_.before_silu) {
      out.observers.push_back(make_observer(options_.observer, options_.percentile, before_silu));
    }
    for (const graph::EdgeId edge : options_.mean_squares_of) out.squares[edge];
    return out;
  }

  Observed of(const data::LoaderOptions& loading) const {
    Observed out = nothing();
    if (loading.is_share && loading.subset.empty()) return out;
    const torch::NoGradGuard no_gradients;
    const nn::IntraOpThreads threads(nn::several_threads());
    nn::GraphModule module(placement_.graph);
    module.set_edge_hook([&](graph::EdgeId edge, const torch::Tensor& value) {
      if (const auto found = out.squares.find(edge); found != out.squares.end()) found->second.add(value);
      const int group = groups_.group_of[static_cast<size_t>(edge)];
      if (group < 0) return;
      try {
        torch::Tensor held;
        out.observers[static_cast<size_t>(group)]->observe(observed_values(value, held));
      } catch (const Error& error) {
        throw Error(error.kind(), fmt::format("{} (edge {})", error.what(), placement_.graph.edge(edge).name));
      }
    });
    data::Loader loader(images_, loading);
    loader.start(0);
    while (const auto batch = loader.next()) {
      cancel_.check();
      module.forward(nn::to_torch(batch->images).permute({0, 3, 1, 2}));
      for (const auto& observer : out.observers) observer->end_batch();
      out.images += batch->images.shape()[0];
      log_.show_progress(fmt::format("calibrate {}/{} images", out.images, loading.subset.size()));
    }
    out.left_out = loader.left_out().images();
    return out;
  }

  const Placement& placement_;
  std::shared_ptr<const data::Dataset> images_;
  const std::vector<int64_t>& indices_;
  const CalibrateOptions& options_;
  const LogSink& log_;
  const CancelToken& cancel_;
  ObservedGroups groups_;
};

}  // namespace

Calibration calibrate(const Placement& placement, std::shared_ptr<const data::Dataset> images,
                      const std::vector<int64_t>& indices, const CalibrateOptions& options, const LogSink& log,
                      const CancelToken& cancel) {
  graph::require_magnitudes(placement.graph);
  const Observed found = Calibrator(placement, std::move(images), indices, options, log, cancel).observe();
  if (!found.left_out.empty()) {
    log.warning(data::to_text(found.left_out, static_cast<int64_t>(indices.size()), "calibration images"));
  }
  Calibration out;
  out.images = found.images;
  for (size_t i = 0; i < found.observers.size(); ++i) {
    cancel.check();
    const int bits = placement.group_bits[i];
    out.params.push_back(options.power_of_two
                             ? found.observers[i]->power_of_two(bits, options.symmetric)
                             : params_for(found.observers[i]->range(bits, options.symmetric), bits, options.symmetric));
  }
  for (const auto& [edge, sums] : found.squares) out.mean_squares[edge] = sums.means();
  return out;
}

}  // namespace quench::quant
