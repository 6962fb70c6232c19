#include "data/loading/evaluation_images.h"

#include <algorithm>
#include <numeric>

#include "data/loading/loader.h"
#include "data/loading/stand_ins.h"
#include "data/pictures/letterbox.h"

namespace quench::data {

int64_t evaluation_batch(int imgsz, int64_t most, int64_t at_once) {
  constexpr int64_t kPixels = 128 * 128 * 128;
  const int64_t images = std::clamp<int64_t>(kPixels / (int64_t{imgsz} * imgsz), 1, most);
  const int64_t whole = (images + at_once - 1) / at_once * at_once;
  return std::min({whole, 2 * images, most});
}

std::vector<Truth> truths_of(const Batch& batch, const Dataset& split) {
  std::vector<Truth> truths;
  for (size_t i = 0; i < batch.indices.size(); ++i) {
    Truth& truth = truths.emplace_back();
    truth.label = batch.labels.at(i);
    if (batch.letterboxes.empty()) continue;
    truth.letterbox = batch.letterboxes.at(i);
    truth.objects = split.objects(batch.indices[i]);
  }
  return truths;
}

std::function<std::optional<LabelledImages>()> evaluation_images(const Dataset& split,
                                                                 const EvaluationLoading& loading) {
  LoaderOptions options;
  options.imgsz = loading.imgsz;
  options.batch = loading.batch;
  options.workers = loading.workers;
  options.left_out = loading.left_out;
  options.is_share = loading.is_share;
  options.subset = loading.subset;
  if (loading.subset.empty() && loading.limit > 0 && loading.limit < split.size()) {
    options.subset.resize(static_cast<size_t>(loading.limit));
    std::iota(options.subset.begin(), options.subset.end(), int64_t{0});
  }
  // The caller owns the split: shared without owning.
  const auto loader =
      std::make_shared<Loader>(std::shared_ptr<const Dataset>(std::shared_ptr<void>(), &split), options);
  loader->start(0);
  return [loader, &split]() -> std::optional<LabelledImages> {
    std::optional<Batch> batch = loader->next();
    if (!batch) return std::nullopt;
    std::vector<Truth> truths = truths_of(*batch, split);
    return LabelledImages{std::move(batch->images), std::move(truths)};
  };
}

std::function<std::optional<LabelledImages>()> evaluation_rectangles(const Dataset& split, int side, int multiple,
                                                                     const std::shared_ptr<LeftOut>& left_out,
                                                                     std::optional<Share> share) {
  const Share all = share.value_or(Share{0, split.size()});
  return [&split, side, multiple, left_out, last = all.last, index = all.first,
          any = share.has_value()]() mutable -> std::optional<LabelledImages> {
    while (index < last) {
      const int64_t at = index++;
      const std::optional<Sample> sample = read_or_note(split, at, *left_out);
      if (!sample) continue;
      any = true;
      const Shape& shape = sample->pixels.shape();
      const Letterbox fitted = rect_letterbox(static_cast<int>(shape[0]), static_cast<int>(shape[1]), side, multiple);
      Tensor image(DType::u8, {1, fitted.canvas_height, fitted.canvas_width, 3});
      draw(sample->pixels, fitted, image.mutable_values<uint8_t>().data());
      return LabelledImages{std::move(image), {{.letterbox = fitted, .objects = split.objects(at)}}};
    }
    if (!any) first_sample(split);  // says why there is none
    return std::nullopt;
  };
}

}  // namespace quench::data
