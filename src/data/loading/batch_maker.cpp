#include "data/loading/batch_maker.h"

#include <algorithm>
#include <numeric>
#include <opencv2/core/utility.hpp>
#include <utility>

#include "core/rng.h"
#include "core/task.h"
#include "data/augmentation/detect_augment.h"
#include "data/augmentation/mix.h"

namespace quench::data {
namespace {

class ClassifyMaker : public BatchMaker {
 public:
  ClassifyMaker(const Dataset& dataset, const LoaderOptions& options, const AugmentSettings& settings)
      : BatchMaker(dataset, options),
        settings_(settings),
        augmenter_(settings, options.imgsz),
        fitter_(options.imgsz) {}

 private:
  bool add(const Epoch& epoch, int64_t index, uint8_t* out, Batch& batch) override {
    if (options_.augment) {
      const Sample sample = to_train_on_.at(index);
      batch.labels.push_back(sample.label);
      Rng rng(options_.seed, "augment", static_cast<uint64_t>(epoch.number), static_cast<uint64_t>(index));
      augmenter_.make(sample.pixels, epoch.strong, rng, out);
      return true;
    }
    const std::optional<Sample> sample = read_or_note(dataset_, index, *options_.left_out);
    if (!sample) return false;
    batch.labels.push_back(sample->label);
    const Shape& shape = sample->pixels.shape();
    fitter_.fit(sample->pixels.values<uint8_t>().data(), static_cast<int>(shape[0]), static_cast<int>(shape[1]), out);
    return true;
  }

  std::optional<Mix> mix_of(const Epoch& epoch, const Extent& extent) const {
    if (!options_.augment || !epoch.strong) return std::nullopt;
    Rng rng(options_.seed, "mix", static_cast<uint64_t>(epoch.number), static_cast<uint64_t>(extent.number));
    return draw_mix(extent.images, options_.imgsz, options_.imgsz, settings_, rng);
  }

  std::vector<int64_t> beside(const Epoch& epoch, const Extent& extent) override {
    std::vector<int64_t> places;
    if (extent.end - extent.begin == extent.images) return places;
    const std::optional<Mix> mix = mix_of(epoch, extent);
    for (int64_t i = extent.begin; mix && i < extent.end; ++i) {
      const int64_t partner = mix->partners[static_cast<size_t>(i)];
      if (partner < extent.begin || partner >= extent.end) places.push_back(partner);
    }
    return places;
  }

  /// The images beside are mixed with themselves.
  void finish(const Epoch& epoch, const Extent& extent, const std::vector<int64_t>& places, Batch& batch) override {
    std::optional<Mix> mix = mix_of(epoch, extent);
    if (!mix) return;
    std::vector<int64_t> here(places.size());
    for (size_t i = 0; i < here.size(); ++i) {
      const bool wanted = places[i] >= extent.begin && places[i] < extent.end;
      const int64_t partner = wanted ? mix->partners[static_cast<size_t>(places[i])] : places[i];
      here[i] = std::ranges::find(places, partner) - places.begin();
    }
    mix->partners = std::move(here);
    mix_batch(batch, *mix, scratch_);
  }

  const AugmentSettings& settings_;
  Augmenter augmenter_;
  Fitter fitter_;
  std::vector<uint8_t> scratch_;
};

class DetectMaker : public BatchMaker {
 public:
  DetectMaker(const Dataset& dataset, const LoaderOptions& options, const AugmentSettings& settings,
              std::shared_ptr<ResizedPictures> pictures)
      : BatchMaker(dataset, options), resized_(to_train_on_, std::move(pictures)), augmenter_(settings, options.imgsz) {
    if (cv::getNumThreads() != 1) cv::setNumThreads(1);  // the loader's threads work side by side, and beside training
  }

 private:
  bool add(const Epoch& epoch, int64_t index, uint8_t* out, Batch& batch) override {
    if (options_.augment) {
      Rng rng(options_.seed, "augment", static_cast<uint64_t>(epoch.number), static_cast<uint64_t>(index));
      batch.objects.push_back(augmenter_.make(resized_, options_.subset, index, epoch.strong, rng, out));
      batch.labels.push_back(-1);
      return true;
    }
    const std::optional<Sample> sample = read_or_note(dataset_, index, *options_.left_out);
    if (!sample) return false;
    batch.labels.push_back(-1);
    const Shape& shape = sample->pixels.shape();
    const Letterbox box =
        letterbox(static_cast<int>(shape[0]), static_cast<int>(shape[1]), options_.imgsz, options_.imgsz);
    draw(sample->pixels, box, out);
    batch.letterboxes.push_back(box);
    std::vector<Object>& objects = batch.objects.emplace_back();
    for (Object object : sample->objects) {
      object.box = clipped(box.to_canvas(object.box), options_.imgsz);
      object.area *= box.gain * box.gain;
      if (object.box.area() > 0) objects.push_back(object);
    }
    return true;
  }

  ResizedDataset resized_;
  DetectAugmenter augmenter_;
};

/// Its first images alone.
void keep_first(Batch& batch, int64_t count) {
  const auto n = static_cast<size_t>(count);
  batch.labels.resize(n);
  if (!batch.labels_b.empty()) batch.labels_b.resize(n);
  if (!batch.lambda.empty()) batch.lambda.resize(n);
  batch.indices.resize(n);
}

/// The first `count` images of [N,...].
Tensor first_of(const Tensor& images, int64_t count) {
  Shape shape = images.shape();
  shape[0] = count;
  Tensor out(images.dtype(), shape);
  std::copy_n(images.bytes(), out.size_bytes(), out.mutable_bytes());
  return out;
}

}  // namespace

std::optional<Batch> BatchMaker::make(const Epoch& epoch, int64_t number, const std::function<bool()>& wanted) {
  const int64_t first = number * options_.batch;
  const int64_t images = std::min(options_.batch, static_cast<int64_t>(epoch.order.size()) - first);
  const Extent extent{number, images, images * options_.share / options_.shares,
                      images * (options_.share + 1) / options_.shares};
  std::vector<int64_t> places(static_cast<size_t>(extent.end - extent.begin));
  std::iota(places.begin(), places.end(), extent.begin);
  const std::vector<int64_t> others = beside(epoch, extent);
  places.insert(places.end(), others.begin(), others.end());
  const auto count = static_cast<int64_t>(places.size());
  Batch batch;
  batch.images = Tensor(DType::u8, {count, options_.imgsz, options_.imgsz, 3});
  batch.labels.reserve(static_cast<size_t>(count));
  batch.indices.reserve(static_cast<size_t>(count));
  uint8_t* out = batch.images.mutable_values<uint8_t>().data();
  const int64_t image_bytes = batch.images.size() / std::max<int64_t>(count, 1);
  for (const int64_t place : places) {
    if (!wanted()) return std::nullopt;
    const int64_t index = epoch.order[static_cast<size_t>(first + place)];
    if (!add(epoch, index, out, batch)) continue;
    batch.indices.push_back(index);
    out += image_bytes;
  }
  const auto added = static_cast<int64_t>(batch.indices.size());
  if (added < count) batch.images = first_of(batch.images, added);
  finish(epoch, extent, places, batch);
  if (!others.empty()) {
    keep_first(batch, extent.end - extent.begin);
    batch.images = first_of(batch.images, extent.end - extent.begin);
  }
  batch.whole = options_.shares > 1 ? images : added;
  return batch;
}

std::unique_ptr<BatchMaker> make_batch_maker(const Dataset& dataset, const LoaderOptions& options,
                                             const AugmentSettings& settings,
                                             std::shared_ptr<ResizedPictures> pictures) {
  if (labels_of(dataset.task()) == Labels::objects) {
    return std::make_unique<DetectMaker>(dataset, options, settings, std::move(pictures));
  }
  return std::make_unique<ClassifyMaker>(dataset, options, settings);
}

}  // namespace quench::data
