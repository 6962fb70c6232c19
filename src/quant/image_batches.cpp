#include "quant/image_batches.h"

#include <algorithm>

#include "core/error.h"
#include "data/loading/loader.h"
#include "graph/image_side.h"
#include "quant/content.h"

namespace quench::quant {

int64_t images_a_pass(int imgsz) {
  constexpr int64_t kMost = 64, kPixels = kMost * 128 * 128;
  return std::clamp<int64_t>(kPixels / (int64_t{imgsz} * imgsz), 1, kMost);
}

int64_t images_to_keep(int64_t told, int side, int64_t most) {
  constexpr int64_t kPixels = int64_t{128} * 640 * 640;
  return told > 0 ? told : std::clamp<int64_t>(kPixels / (int64_t{side} * side), 1, most);
}

ImageBatches load_images(const graph::Graph& graph, const data::Splits& data, int64_t images, uint64_t seed,
                         const LogSink& log, const CancelToken& cancel, Kept kept) {
  const data::Subset subset = data::calibration_subset(*data.train, images, seed);
  data::LoaderOptions loading;
  loading.imgsz = graph::image_side(graph);
  loading.batch = images_a_pass(loading.imgsz);
  loading.subset = subset.indices;
  data::Loader loader(data.train, loading);
  loader.start(0);
  ImageBatches out;
  out.sha256 = subset.sha256;
  while (auto batch = loader.next()) {
    cancel.check();
    out.count += batch->images.shape()[0];
    if (kept == Kept::canvas) {
      out.batches.push_back(std::move(batch->images));
    } else {
      for (Tensor& image : content_of(*batch, coarsest_step(graph))) out.batches.push_back(std::move(image));
    }
    log.show_progress(fmt::format("read {}/{} images", out.count, subset.indices.size()));
  }
  if (loader.left_out().count() > 0) {
    log.warning(
        data::to_text(loader.left_out().images(), static_cast<int64_t>(subset.indices.size()), "calibration images"));
  }
  return out;
}

}  // namespace quench::quant
