// An evaluation by several processes, each on its share of the images: to the bit what one process gives.
#include "core/rng.h"
#include "data/sets/memory_dataset.h"
#include "error_testing.h"
#include "inference_predict_samples.h"
#include "shards_testing.h"

namespace quench::inference {
namespace {

constexpr int kSide = 64;

data::PixelStore noise_store(int images, std::vector<std::string> classes) {
  data::PixelStore store{kSide, kSide, {}, {}, std::move(classes)};
  Rng rng(7, "shares");
  for (int i = 0; i < images; ++i) {
    store.labels.push_back(i % static_cast<int>(store.classes.size()));
    for (int k = 0; k < kSide * kSide * 3; ++k) store.pixels.push_back(static_cast<uint8_t>(rng.below(256)));
  }
  return store;
}

/// Images of noise, some of which cannot be read; those of a detector hold boxes at seeded places.
class NoiseSplit : public data::MemoryDataset {
 public:
  NoiseSplit(int images, std::vector<std::string> classes, bool boxes, std::vector<int64_t> damaged)
      : MemoryDataset(noise_store(images, std::move(classes))), boxes_(boxes), damaged_(std::move(damaged)) {}

  std::string task() const override { return boxes_ ? "detect" : "classify"; }
  int32_t label(int64_t index) const override { return boxes_ ? -1 : MemoryDataset::label(index); }
  data::Sample at(int64_t index) const override {
    if (std::ranges::count(damaged_, index) > 0) throw Error(ErrorKind::data, fmt::format("damaged: {}", index));
    data::Sample sample = MemoryDataset::at(index);
    if (boxes_) sample.label = -1, sample.objects = objects(index);
    return sample;
  }
  std::vector<Object> objects(int64_t index) const override {
    std::vector<Object> out;
    Rng rng(static_cast<uint64_t>(index), "boxes");
    for (int64_t i = 0; i < index % 4; ++i) {
      const double x = 40 * rng.uniform(), y = 40 * rng.uniform(), w = 5 + 15 * rng.uniform(),
                   h = 5 + 15 * rng.uniform();
      out.push_back({{x, y, x + w, y + h}, static_cast<int32_t>(rng.below(3)), i == 2, w * h});
    }
    return out;
  }
  data::ImageInfo image(int64_t index) const override { return {index, fmt::format("{}.png", index), kSide, kSide}; }

 private:
  bool boxes_;
  std::vector<int64_t> damaged_;
};

const std::vector<std::string> kBoxClasses{"cat", "dog", "big, \"red\" bus"};
const std::vector<std::string> kImageClasses{"a", "b", "c", "d", "e", "f", "g"};

struct Case {
  std::unique_ptr<Sample> sample;
  std::shared_ptr<const data::Dataset> split;
  EvaluateOptions options;
};

Case detection(int images, bool rect = false, std::vector<int64_t> damaged = {}) {
  Case out{detector(), std::make_shared<NoiseSplit>(images, kBoxClasses, true, std::move(damaged)), {}};
  out.options.batch = 2;
  out.options.settings = {{"confidence", 1e-7}, {"max_detections", 20}, {"rect", rect}};
  return out;
}
Case classification(int images, std::vector<int64_t> damaged = {}) {
  Case out{sample_of(model_file(models::build("yolov5n-cls", {.classes = kImageClasses, .imgsz = kSide})),
                     Json::object(), "native"),
           std::make_shared<NoiseSplit>(images, kImageClasses, false, std::move(damaged)),
           {}};
  out.options.batch = 4;
  return out;
}

score::Evaluation alone(const Case& given) {
  return evaluate(*given.sample->engine, *given.split, given.options, {}, CancelToken{});
}

std::vector<score::Evaluation> shared(const Case& given, int processes) {
  return ActedShards(processes).run<score::Evaluation>([&](const Shards& shards) {
    EvaluateOptions options = given.options;
    options.shards = &shards;
    return evaluate(*given.sample->engine, *given.split, options, {}, CancelToken{});
  });
}

void expect_same(const Case& given, const char* what) {
  const score::Evaluation whole = alone(given);
  const std::string text = to_json(whole).dump();
  for (const int processes : {2, 3, 7}) {
    for (const score::Evaluation& one : shared(given, processes)) {
      EXPECT_TRUE(one == whole) << what << ": " << processes;
      EXPECT_EQ(to_json(one).dump(), text) << what << ": " << processes;
    }
  }
}

TEST(SharedEvaluation, IsThatOfOneProcess) {
  expect_same(classification(23), "classifier");
  expect_same(classification(23, {0, 5, 6, 22}), "classifier, some images cannot be read");
  expect_same(detection(5), "detector");
  expect_same(detection(5, false, {2, 3, 4}), "detector, some images cannot be read");
  expect_same(detection(4, true), "detector, rectangles");
  expect_same(detection(4, true, {0, 1}), "detector, rectangles, some images cannot be read");
}

TEST(SharedEvaluation, OfFewerImagesThanProcesses) {
  expect_same(classification(2), "classifier");
  expect_same(detection(1), "detector");
  expect_same(detection(2, true), "rectangles");
}

TEST(SharedEvaluation, WhereNoneCanBeReadAllSayWhatOneSays) {
  Case cases[] = {classification(3, {0, 1, 2}), detection(3, false, {0, 1, 2}), detection(3, true, {0, 1, 2})};
  for (const Case& given : cases) {
    const auto expected = error_of([&] { alone(given); });
    EXPECT_EQ(expected.first, ErrorKind::data);
    EXPECT_EQ(error_of([&] { shared(given, 2); }), expected);
  }
}

TEST(SharedEvaluation, OnlookersSeeTheirShares) {
  const Case given = classification(10);
  const auto seen = ActedShards(3).run<std::vector<int32_t>>([&](const Shards& shards) {
    std::vector<int32_t> labels;
    EvaluateOptions options = given.options;
    options.shards = &shards;
    options.seen = [&](const score::Answer&, std::span<const Tensor>, int64_t, const Truth& truth) {
      labels.push_back(truth.label);
    };
    evaluate(*given.sample->engine, *given.split, options, {}, CancelToken{});
    return labels;
  });
  std::vector<int32_t> all;
  for (const auto& one : seen) all.insert(all.end(), one.begin(), one.end());
  EXPECT_EQ(all, (std::vector<int32_t>{0, 1, 2, 3, 4, 5, 6, 0, 1, 2}));
}

TEST(SharedEvaluation, OtherImagesInAnotherProcessAreAnError) {
  const Case given = classification(10), other = classification(9);
  const auto [kind, text] = error_of([&] {
    ActedShards(2).run<int>([&](const Shards& shards) {
      EvaluateOptions options = given.options;
      options.shards = &shards;
      const Case& own = shards.rank() == 0 ? given : other;
      evaluate(*own.sample->engine, *own.split, options, {}, CancelToken{});
      return 0;
    });
  });
  EXPECT_EQ(kind, ErrorKind::config);
  EXPECT_NE(text.find("the size of the test split"), std::string::npos) << text;
}

TEST(SharedEvaluation, StopsInAll) {
  const Case given = classification(10);
  const auto said = ActedShards(2).run<ErrorKind>([&](const Shards& shards) {
    CancelToken cancel;
    EvaluateOptions options = given.options;
    options.shards = &shards;
    options.seen = [&](const score::Answer&, std::span<const Tensor>, int64_t, const Truth&) {
      if (shards.rank() == 1) cancel.cancel();
    };
    return error_of([&] { evaluate(*given.sample->engine, *given.split, options, {}, cancel); }).first;
  });
  EXPECT_EQ(said, (std::vector<ErrorKind>{ErrorKind::cancelled, ErrorKind::cancelled}));
}

}  // namespace
}  // namespace quench::inference
