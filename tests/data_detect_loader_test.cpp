#include <atomic>
#include <set>

#include "data/augmentation/detect_augment.h"
#include "data/augmentation/detect_picture.h"
#include "data/loading/loader.h"
#include "data/loading/resized_pictures.h"
#include "data_detect_samples.h"
#include "data_testing.h"

namespace quench::data {
namespace {

using namespace quench::testing;

constexpr int64_t kImages = 37;
constexpr int kSide = 96;
constexpr int64_t kBytes = int64_t{kSide} * kSide * 3;

std::shared_ptr<const ColouredBoxes> images() { return std::make_shared<ColouredBoxes>(kImages); }

LoaderOptions options(int workers = 2) {
  LoaderOptions out;
  out.imgsz = kSide;
  out.batch = 8;
  out.workers = workers;
  return out;
}

LoaderOptions training(int workers = 2) {
  LoaderOptions out = options(workers);
  out.shuffle = out.augment = true;
  out.seed = 3;
  out.augmentation = Json{{"mosaic", 0.8}, {"mosaic_mixup", 0.2}, {"degrees", 10.0}};
  return out;
}

std::vector<Batch> all(Loader& loader, int64_t epoch, int64_t first = 0) {
  loader.start(epoch, first);
  std::vector<Batch> batches;
  while (auto batch = loader.next()) batches.push_back(std::move(*batch));
  return batches;
}

bool equal(const Batch& a, const Batch& b) {
  return a.images == b.images && a.objects == b.objects && a.indices == b.indices && a.labels == b.labels &&
         a.letterboxes == b.letterboxes;
}

TEST(DetectLoader, SharesTogetherAreTheBatchesOfOne) {
  Loader loader(images(), training(0));
  const std::vector<Batch> expected = all(loader, 1);
  for (int share = 0; share < 2; ++share) {
    LoaderOptions with = training(0);
    with.share = share;
    with.shares = 2;
    Loader half(images(), with);
    const std::vector<Batch> got = all(half, 1);
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      const auto whole = static_cast<size_t>(expected[i].images.shape()[0]);
      const size_t begin = whole * static_cast<size_t>(share) / 2, count = got[i].objects.size();
      EXPECT_EQ(begin + count, whole * static_cast<size_t>(share + 1) / 2);
      const size_t bytes = static_cast<size_t>(expected[i].images.size()) / whole;
      const auto all_pixels = expected[i].images.values<uint8_t>(), pixels = got[i].images.values<uint8_t>();
      ASSERT_EQ(pixels.size(), count * bytes);
      EXPECT_TRUE(std::equal(pixels.begin(), pixels.end(), all_pixels.begin() + static_cast<long>(begin * bytes)));
      for (size_t k = 0; k < count; ++k) EXPECT_EQ(got[i].objects[k], expected[i].objects[begin + k]);
      EXPECT_EQ(got[i].whole, static_cast<int64_t>(whole));
    }
  }
}

TEST(DetectLoader, EvaluationIsLetterboxed) {
  const auto dataset = images();
  Loader loader(dataset, options());
  int64_t index = 0;
  for (const Batch& batch : all(loader, 0)) {
    const auto count = static_cast<size_t>(batch.images.shape()[0]);
    EXPECT_EQ(batch.images.shape(), (Shape{static_cast<int64_t>(count), kSide, kSide, 3}));
    EXPECT_EQ(batch.labels, std::vector<int32_t>(count, -1));
    EXPECT_TRUE(batch.labels_b.empty());
    ASSERT_EQ(batch.objects.size(), count);
    ASSERT_EQ(batch.letterboxes.size(), count);
    ASSERT_EQ(batch.indices.size(), count);
    for (size_t i = 0; i < count; ++i, ++index) {
      const Sample sample = dataset->at(index);
      const Letterbox& box = batch.letterboxes[i];
      EXPECT_EQ(batch.indices[i], index);
      EXPECT_EQ(box, letterbox(static_cast<int>(sample.pixels.shape()[0]), static_cast<int>(sample.pixels.shape()[1]),
                               kSide, kSide));
      std::vector<uint8_t> expected(static_cast<size_t>(kBytes));
      draw(sample.pixels, box, expected.data());
      const uint8_t* pixels = batch.images.values<uint8_t>().data() + static_cast<int64_t>(i) * kBytes;
      EXPECT_TRUE(std::equal(expected.begin(), expected.end(), pixels)) << index;
      ASSERT_EQ(batch.objects[i].size(), sample.objects.size());
      for (size_t k = 0; k < sample.objects.size(); ++k) {
        const Object& object = batch.objects[i][k];
        EXPECT_EQ(object.label, sample.objects[k].label);
        EXPECT_LE(distance(box.to_image(object.box), sample.objects[k].box), 1e-9);
        EXPECT_NEAR(object.area, object.box.area(), 1e-6);
      }
    }
  }
  EXPECT_EQ(index, kImages);
}

TEST(DetectLoader, EvaluationKeepsCrowdsAndClips) {
  auto dataset = std::make_shared<ColouredBoxes>(1);
  Sample& sample = dataset->sample(0);
  sample.objects = {Object{{-50, -50, 10, 10}, 1, true, 100}, Object{{-50, -50, -10, -10}, 2, false, 1600},
                    Object{{5, 5, 1e6, 1e6}, 3, false, 9}};
  Loader loader(dataset, options(0));
  const Batch batch = all(loader, 0).at(0);
  ASSERT_EQ(batch.objects[0].size(), 2) << "what lies outside is no object";
  EXPECT_TRUE(batch.objects[0][0].crowd);
  for (const Object& object : batch.objects[0]) {
    EXPECT_EQ(object.box, clipped(object.box, kSide));
    EXPECT_GT(object.box.area(), 0);
  }
  LoaderOptions augmented = training(0);
  augmented.augmentation = Json{{"mosaic", 0.0}, {"translate", 0.0}, {"scale", 0.0}};
  Loader trained(dataset, augmented);
  const Batch got = all(trained, 0).at(0);
  ASSERT_EQ(got.objects[0].size(), 1) << "nor are crowds trained on";
  EXPECT_EQ(got.objects[0][0].label, 3);
}

TEST(DetectLoader, TrainingBatchesDoNotDependOnThreads) {
  Loader reference(images(), training(0));
  const auto expected = all(reference, 2);
  ASSERT_EQ(expected.size(), 5);
  std::set<int64_t> seen;
  for (const Batch& batch : expected) {
    seen.insert(batch.indices.begin(), batch.indices.end());
    EXPECT_TRUE(batch.letterboxes.empty());
    ASSERT_EQ(batch.objects.size(), batch.indices.size());
    ASSERT_EQ(batch.labels.size(), batch.indices.size());
    for (const auto& objects : batch.objects) {
      for (const Object& object : objects) {
        EXPECT_EQ(object.box, clipped(object.box, kSide));
        EXPECT_GT(std::min(object.box.width(), object.box.height()), 2);
        EXPECT_TRUE(object.label >= 0 && object.label < kColours);
      }
    }
  }
  EXPECT_EQ(seen.size(), kImages);
  for (int workers : {1, 3}) {
    Loader loader(images(), training(workers));
    const auto got = all(loader, 2);
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(equal(got[i], expected[i])) << workers << " batch " << i;
    const auto rest = all(loader, 2, 3);
    ASSERT_EQ(rest.size(), 2);
    for (size_t i = 0; i < rest.size(); ++i) EXPECT_TRUE(equal(rest[i], expected[i + 3])) << "resumed " << i;
    EXPECT_FALSE(equal(all(loader, 3)[0], expected[0]));
  }
  LoaderOptions reseeded = training(1);
  reseeded.seed = 4;
  Loader other(images(), reseeded);
  EXPECT_FALSE(equal(all(other, 2)[0], expected[0]));
}

TEST(DetectLoader, AnImageDoesNotDependOnItsBatch) {
  LoaderOptions ordered = training(1);
  ordered.shuffle = false;
  Loader loader(images(), ordered);
  ordered.batch = 5;
  Loader other(images(), ordered);
  std::vector<std::vector<Object>> a, b;
  for (const Batch& batch : all(loader, 1)) a.insert(a.end(), batch.objects.begin(), batch.objects.end());
  for (const Batch& batch : all(other, 1)) b.insert(b.end(), batch.objects.begin(), batch.objects.end());
  EXPECT_EQ(a, b);
}

/// Counts how often images are read.
class CountedImages : public ColouredBoxes {
 public:
  using ColouredBoxes::ColouredBoxes;
  Sample at(int64_t index) const override {
    ++reads;
    return ColouredBoxes::at(index);
  }
  mutable std::atomic<int64_t> reads{0};
};

TEST(ResizedPictures, AreReadOnceAndTheSameWhetherKeptOrNot) {
  const CountedImages dataset(kImages);
  ResizedPictures kept(kSide), none(kSide, 0), some(kSide, kBytes * 3);
  for (int round = 0; round < 2; ++round) {
    for (int64_t index = 0; index < kImages; ++index) {
      const Sample sample = kept.at(dataset, index), again = none.at(dataset, index);
      EXPECT_TRUE(sample.pixels == again.pixels) << index;
      EXPECT_EQ(sample.objects, again.objects) << index;
      EXPECT_EQ(std::max(sample.pixels.shape()[0], sample.pixels.shape()[1]), kSide);
      some.at(dataset, index);
    }
  }
  EXPECT_EQ(none.size_bytes(), 0);
  EXPECT_GT(kept.size_bytes(), some.size_bytes());
  EXPECT_LE(some.size_bytes(), kBytes * 3);
  EXPECT_GT(some.size_bytes(), 0);
  dataset.reads = 0;
  for (int64_t index = 0; index < kImages; ++index) kept.at(dataset, index);
  EXPECT_EQ(dataset.reads, 0);
}

/// A mosaic, and a letterbox, of resized pictures are those of the originals, to the bit.
TEST(ResizedPictures, AugmentAsTheOriginals) {
  const auto dataset = images();
  const ResizedDataset resized(*dataset, std::make_shared<ResizedPictures>(kSide));
  AugmentSettings settings = AugmentSettings::from(Json{{"mosaic", 0.6}, {"mosaic_mixup", 0.3}, {"degrees", 10.0}});
  DetectAugmenter of_originals(settings, kSide), of_resized(settings, kSide);
  std::vector<uint8_t> expected(static_cast<size_t>(kBytes)), got(expected.size());
  for (int64_t index = 0; index < kImages; ++index) {
    Rng first(1, "augment", static_cast<uint64_t>(index)), second(1, "augment", static_cast<uint64_t>(index));
    const auto objects = of_originals.make(*dataset, {}, index, true, first, expected.data());
    EXPECT_EQ(of_resized.make(resized, {}, index, true, second, got.data()), objects) << index;
    EXPECT_EQ(got, expected) << index;
  }
}

TEST(DetectLoader, LastEpochsAreWithoutMosaic) {
  LoaderOptions closing = options();
  closing.augment = true;
  closing.total_epochs = 5;
  closing.augmentation = Json{{"mosaic", 1.0}, {"translate", 0.0}, {"scale", 0.0},  {"hsv_h", 0.0},
                              {"hsv_s", 0.0},  {"hsv_v", 0.0},     {"flip", false}, {"augment_off_epochs", 2}};
  Loader loader(images(), closing), plain(images(), options());
  const auto expected = all(plain, 0);
  EXPECT_FALSE(all(loader, 2)[0].images == expected[0].images);
  for (int64_t epoch : {3, 4}) {
    const auto got = all(loader, epoch);
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(got[i].images == expected[i].images) << epoch;
  }
}

TEST(DetectLoader, MosaicsStayInTheSubset) {
  LoaderOptions some = training();
  some.subset = {0, 1};
  some.augmentation = Json{{"mosaic", 1.0}};
  Loader loader(images(), some);
  std::set<int> labels;
  for (int64_t epoch = 0; epoch < 20; ++epoch) {
    for (const Batch& batch : all(loader, epoch)) {
      for (const auto& objects : batch.objects) {
        for (const Object& object : objects) labels.insert(object.label);
      }
    }
  }
  EXPECT_EQ(labels, (std::set<int>{0, 1}));
}

/// Image 20 does not decode.
class Damaged : public ColouredBoxes {
 public:
  using ColouredBoxes::ColouredBoxes;
  Sample at(int64_t index) const override {
    if (index == 20) fail(ErrorKind::data, "[test] image 20 is bad");
    return ColouredBoxes::at(index);
  }
};

TEST(DetectLoader, ADamagedImageIsLeftOut) {
  for (int workers : {0, 2}) {
    Loader loader(std::make_shared<Damaged>(kImages), options(workers));
    int64_t images = 0;
    for (const Batch& batch : all(loader, 0)) {
      const size_t count = batch.indices.size();
      EXPECT_EQ(batch.images.shape()[0], static_cast<int64_t>(count));
      EXPECT_EQ(batch.letterboxes.size(), count);
      EXPECT_EQ(batch.objects.size(), count);
      EXPECT_EQ(batch.labels.size(), count);
      for (const int64_t index : batch.indices) EXPECT_NE(index, 20);
      images += static_cast<int64_t>(count);
    }
    EXPECT_EQ(images, kImages - 1);
    EXPECT_EQ(loader.left_out().images().at(0).index, 20);
  }
}

TEST(DetectLoader, InTrainingAnotherStandsInForADamagedImage) {
  Loader loader(std::make_shared<Damaged>(kImages), training(2));
  int64_t images = 0;
  for (const Batch& batch : all(loader, 0)) {
    EXPECT_EQ(batch.objects.size(), batch.indices.size());
    images += batch.images.shape()[0];
  }
  EXPECT_EQ(images, kImages);
  EXPECT_EQ(loader.left_out().count(), 1);
}

}  // namespace
}  // namespace quench::data
