#include <atomic>
#include <chrono>
#include <numeric>
#include <set>
#include <thread>

#include "config/tables.h"
#include "data/loading/evaluation_images.h"
#include "data/loading/loader.h"
#include "data/sets/memory_dataset.h"
#include "data/sets/shapes.h"
#include "data_testing.h"

namespace quench::data {
namespace {

using quench::testing::expect_error;

constexpr int64_t kImages = 103;

/// Image i is flat: (i, 255 - i, 7). Its label is i % 5.
std::shared_ptr<const Dataset> flat_images(int side = 8) {
  PixelStore store{side, side, {}, {}, {"a", "b", "c", "d", "e"}};
  for (int64_t i = 0; i < kImages; ++i) {
    store.labels.push_back(static_cast<int32_t>(i % 5));
    for (int p = 0; p < side * side; ++p) {
      for (int value : {static_cast<int>(i), static_cast<int>(255 - i), 7}) {
        store.pixels.push_back(static_cast<uint8_t>(value));
      }
    }
  }
  return std::make_shared<MemoryDataset>(std::move(store));
}

LoaderOptions options(int workers = 2) {
  LoaderOptions out;
  out.imgsz = 8;
  out.batch = 10;
  out.workers = workers;
  return out;
}

std::vector<Batch> all(Loader& loader, int64_t epoch, int64_t first = 0) {
  loader.start(epoch, first);
  std::vector<Batch> batches;
  while (auto batch = loader.next()) batches.push_back(std::move(*batch));
  EXPECT_FALSE(loader.next().has_value()) << "the end stays the end";
  return batches;
}

bool equal(const Batch& a, const Batch& b) {
  return a.images == b.images && a.labels == b.labels && a.labels_b == b.labels_b && a.lambda == b.lambda &&
         a.indices == b.indices;
}

int64_t index_of(const Batch& batch, int64_t i) {  // by the flat colour
  return batch.images.values<uint8_t>()[static_cast<size_t>(i * batch.images.size() / batch.images.shape()[0])];
}

/// flat_images(), some of which cannot be read.
class Damaged : public MemoryDataset {
 public:
  explicit Damaged(std::set<int64_t> damaged) : MemoryDataset(store()), damaged_(std::move(damaged)) {}
  Sample at(int64_t index) const override {
    if (damaged_.contains(index)) throw Error(ErrorKind::data, "damaged: " + std::to_string(index));
    return MemoryDataset::at(index);
  }

 private:
  static PixelStore store() {
    PixelStore store{8, 8, {}, {}, {"a", "b", "c", "d", "e"}};
    for (int64_t i = 0; i < kImages; ++i) {
      store.labels.push_back(static_cast<int32_t>(i % 5));
      store.pixels.insert(store.pixels.end(), 8 * 8 * 3, static_cast<uint8_t>(i));
    }
    return store;
  }
  std::set<int64_t> damaged_;
};

TEST(EvaluationBatch, IsAMultipleOfWhatRunsSideBySide) {
  EXPECT_EQ(evaluation_batch(64, 1000), 512);
  EXPECT_EQ(evaluation_batch(64, 64), 64);
  EXPECT_EQ(evaluation_batch(640, 64), 5);
  EXPECT_EQ(evaluation_batch(640, 64, 2), 6);
  EXPECT_EQ(evaluation_batch(640, 64, 8), 8);
  EXPECT_EQ(evaluation_batch(640, 64, 16), 10);  // memory
  EXPECT_EQ(evaluation_batch(640, 3, 2), 3);
  EXPECT_EQ(evaluation_batch(8000, 64, 4), 2);
  EXPECT_EQ(evaluation_batch(640, 1, 8), 1);
}

TEST(Loader, WhatCannotBeReadIsLeftOut) {
  std::set<int64_t> damaged{3, 47, 102};
  for (int64_t i = 20; i < 30; ++i) damaged.insert(i);  // a whole batch
  for (int workers : {0, 3}) {
    Loader loader(std::make_shared<Damaged>(damaged), options(workers));
    for (int64_t epoch : {0, 1}) {
      const auto batches = all(loader, epoch);
      EXPECT_EQ(batches.size(), 10) << "a batch without images is not yielded";
      std::set<int64_t> seen;
      for (const Batch& batch : batches) {
        ASSERT_EQ(batch.images.shape()[0], static_cast<int64_t>(batch.indices.size()));
        ASSERT_EQ(batch.labels.size(), batch.indices.size());
        for (size_t i = 0; i < batch.indices.size(); ++i) {
          EXPECT_EQ(index_of(batch, static_cast<int64_t>(i)), batch.indices[i]);
          EXPECT_EQ(batch.labels[i], batch.indices[i] % 5);
          EXPECT_FALSE(damaged.contains(batch.indices[i]));
          seen.insert(batch.indices[i]);
        }
      }
      EXPECT_EQ(seen.size() + damaged.size(), static_cast<size_t>(kImages));
      EXPECT_EQ(loader.left_out().count(), static_cast<int64_t>(damaged.size()));
    }
    EXPECT_EQ(loader.left_out().images().front(), (LeftOutImage{3, "", "damaged: 3"}));
    EXPECT_EQ(to_text(loader.left_out().images(), kImages, "test images"),
              "13 of 103 test images cannot be read and are left out, the first: damaged: 3");
  }
}

TEST(Loader, WithoutAnImageThatCanBeReadItSaysSo) {
  for (const bool augment : {false, true}) {
    LoaderOptions few = options();
    few.subset = {5, 7};
    few.augment = augment;
    few.augmentation = config::augment_options().checked(Json::object(), "test");
    Loader loader(std::make_shared<Damaged>(std::set<int64_t>{5, 7}), few);
    loader.start(0);
    expect_error(ErrorKind::data, {"got none", "2 of", "damaged: 5"}, [&] { loader.next(); });
  }
}

TEST(Loader, InTrainingTheNextOneStandsInForADamagedImage) {
  LoaderOptions training = options();
  training.augment = training.shuffle = training.drop_last = true;
  training.augmentation = config::augment_options().checked(Json::object(), "test");
  std::vector<std::vector<Batch>> runs;
  for (int workers : {0, 3}) {
    training.workers = workers;
    Loader loader(std::make_shared<Damaged>(std::set<int64_t>{3, 4}), training);
    runs.push_back(all(loader, 1));
    ASSERT_EQ(runs.back().size(), 10);
    for (const Batch& batch : runs.back()) {
      EXPECT_EQ(batch.images.shape()[0], 10);
      for (size_t i = 0; i < batch.indices.size(); ++i) {
        const int64_t shown = batch.indices[i] == 3 || batch.indices[i] == 4 ? 5 : batch.indices[i];
        EXPECT_EQ(batch.labels[i], shown % 5);
      }
    }
    EXPECT_LE(loader.left_out().count(), 2);
    EXPECT_GE(loader.left_out().count(), 1);
  }
  for (size_t i = 0; i < runs[0].size(); ++i) EXPECT_TRUE(equal(runs[0][i], runs[1][i]));
}

TEST(Loader, InOrderWithoutShuffle) {
  Loader loader(flat_images(), options());
  EXPECT_EQ(loader.batches(), 11);
  const auto batches = all(loader, 0);
  ASSERT_EQ(batches.size(), 11);
  EXPECT_EQ(batches.back().images.shape(), (Shape{3, 8, 8, 3}));
  int64_t expected = 0;
  for (const Batch& batch : batches) {
    EXPECT_TRUE(batch.labels_b.empty());
    EXPECT_TRUE(batch.lambda.empty());
    for (int64_t i = 0; i < batch.images.shape()[0]; ++i, ++expected) {
      EXPECT_EQ(index_of(batch, i), expected);
      EXPECT_EQ(batch.indices[static_cast<size_t>(i)], expected);
      EXPECT_EQ(batch.labels[static_cast<size_t>(i)], expected % 5);
    }
  }
  EXPECT_EQ(expected, kImages);
}

TEST(Loader, ShuffleCoversEveryIndexOnceAnEpoch) {
  LoaderOptions shuffled = options();
  shuffled.shuffle = true;
  Loader loader(flat_images(), shuffled);
  std::vector<std::vector<int64_t>> orders;
  for (int64_t epoch : {0, 1}) {
    std::vector<int64_t> order;
    for (const Batch& batch : all(loader, epoch)) {
      for (int64_t i = 0; i < batch.images.shape()[0]; ++i) order.push_back(index_of(batch, i));
      EXPECT_TRUE(std::equal(batch.indices.rbegin(), batch.indices.rend(), order.rbegin()));
    }
    EXPECT_EQ(order.size(), kImages);
    EXPECT_EQ(std::set<int64_t>(order.begin(), order.end()).size(), kImages);
    orders.push_back(order);
  }
  EXPECT_NE(orders[0], orders[1]);
  shuffled.drop_last = true;
  Loader dropping(flat_images(), shuffled);
  EXPECT_EQ(dropping.batches(), 10);
  EXPECT_EQ(all(dropping, 0).size(), 10);
}

TEST(Loader, SubsetsAreKept) {
  LoaderOptions some = options();
  some.subset = {3, 50, 99};
  Loader loader(flat_images(), some);
  const auto batches = all(loader, 0);
  ASSERT_EQ(batches.size(), 1);
  for (int64_t i = 0; i < 3; ++i) EXPECT_EQ(index_of(batches[0], i), some.subset[static_cast<size_t>(i)]);
}

LoaderOptions everything(int workers) {
  LoaderOptions out = options(workers);
  out.imgsz = 48;
  out.batch = 16;
  out.shuffle = true;
  out.augment = true;
  out.seed = 5;
  out.augmentation =
      Json{{"policy", "trivialaugment"}, {"erasing", 0.3}, {"color_jitter", 0.2}, {"mixup", 0.3}, {"cutmix", 1.0},
           {"mix_probability", 0.7}};
  return out;
}

std::shared_ptr<const Dataset> small_shapes() { return open_shapes({40, 150, 1, 0}).train; }

TEST(Loader, BatchesDoNotDependOnThreads) {
  Loader reference(small_shapes(), everything(0));
  const auto expected = all(reference, 3);
  for (int workers : {1, 3}) {
    LoaderOptions with = everything(workers);
    with.prefetch = workers == 1 ? 1 : 7;
    Loader loader(small_shapes(), with);
    const auto got = all(loader, 3);
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(equal(got[i], expected[i])) << workers << " batch " << i;
    const auto again = all(loader, 3);
    for (size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(equal(again[i], expected[i])) << workers << " batch " << i;
    const auto other = all(loader, 4);
    EXPECT_FALSE(equal(other[0], expected[0]));
  }
  LoaderOptions reseeded = everything(1);
  reseeded.seed = 6;
  Loader loader(small_shapes(), reseeded);
  EXPECT_FALSE(equal(all(loader, 3)[0], expected[0]));
}

TEST(Loader, ResumesAtABatch) {
  Loader loader(small_shapes(), everything(2));
  const auto whole = all(loader, 1);
  const auto rest = all(loader, 1, 4);
  ASSERT_EQ(rest.size(), whole.size() - 4);
  for (size_t i = 0; i < rest.size(); ++i) EXPECT_TRUE(equal(rest[i], whole[i + 4])) << i;
  EXPECT_TRUE(all(loader, 1, 1000).empty());
}

TEST(Loader, StartGivesUpTheEpochBefore) {
  Loader loader(small_shapes(), everything(3));
  const auto expected = all(loader, 9);
  for (int round = 0; round < 20; ++round) {
    loader.start(round);
    for (int i = 0; i < round % 4; ++i) ASSERT_TRUE(loader.next());
  }
  const auto got = all(loader, 9);
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(equal(got[i], expected[i]));
}

/// Slow images; one of them fails.
class Slow : public Dataset {
 public:
  explicit Slow(int64_t bad) : bad_(bad) {}
  int64_t size() const override { return 1000; }
  const std::vector<std::string>& classes() const override { return classes_; }
  int32_t label(int64_t) const override { return 0; }
  Sample at(int64_t index) const override {
    ++calls;
    if (index == bad_) fail(ErrorKind::io, "[test] image {} is bad", index);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return {Tensor(DType::u8, {8, 8, 3}), 0, {}};
  }
  std::string digest() const override { return ""; }
  mutable std::atomic<int> calls{0};

 private:
  int64_t bad_;
  std::vector<std::string> classes_{"x"};
};

TEST(Loader, DestructionWhileWorkersRunIsPrompt) {
  const auto slow = std::make_shared<Slow>(-1);
  LoaderOptions big = options(2);
  big.batch = 500;
  {
    Loader loader(slow, big);
    loader.start(0);
    while (slow->calls < 10) std::this_thread::yield();
  }
  EXPECT_LT(slow->calls, 500) << "workers stop inside a batch";
}

TEST(Loader, PrefetchIsBounded) {
  const auto slow = std::make_shared<Slow>(-1);
  LoaderOptions few = options(2);
  few.prefetch = 2;
  Loader loader(slow, few);
  loader.start(0);
  ASSERT_TRUE(loader.next());
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_LE(slow->calls, 30);  // the one taken and two ahead
}

TEST(Loader, AWorkersErrorComesAtItsBatch) {
  for (int workers : {0, 1, 3}) {
    Loader loader(std::make_shared<Slow>(25), options(workers));
    loader.start(0);
    EXPECT_TRUE(loader.next());
    EXPECT_TRUE(loader.next());
    expect_error(ErrorKind::io, {"image 25 is bad"}, [&] { loader.next(); });
    expect_error(ErrorKind::io, {"image 25 is bad"}, [&] { loader.next(); });
    loader.start(0, 3);
    EXPECT_TRUE(loader.next()) << "and the loader goes on after it";
  }
}

/// What `shares` loaders make of an epoch, one after another.
std::vector<Batch> joined(const LoaderOptions& options, int shares) {
  std::vector<std::vector<Batch>> parts;
  for (int share = 0; share < shares; ++share) {
    LoaderOptions with = options;
    with.share = share;
    with.shares = shares;
    Loader loader(small_shapes(), with);
    parts.push_back(all(loader, 3));
  }
  std::vector<Batch> out;
  for (size_t i = 0; i < parts[0].size(); ++i) {
    Batch& whole = out.emplace_back();
    std::vector<uint8_t> pixels;
    for (std::vector<Batch>& part : parts) {
      const Batch& batch = part.at(i);
      const auto values = batch.images.values<uint8_t>();
      pixels.insert(pixels.end(), values.begin(), values.end());
      const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
      append(whole.labels, batch.labels);
      append(whole.labels_b, batch.labels_b);
      append(whole.lambda, batch.lambda);
      append(whole.indices, batch.indices);
      whole.whole = batch.whole;
      EXPECT_EQ(batch.images.shape()[0], static_cast<int64_t>(batch.labels.size()));
    }
    whole.images = Tensor(DType::u8, {static_cast<int64_t>(whole.labels.size()), options.imgsz, options.imgsz, 3});
    std::ranges::copy(pixels, whole.images.mutable_values<uint8_t>().begin());
  }
  return out;
}

// Mixup and CutMix take partners from the other shares, and the last batch of the epoch is divided too.
TEST(Loader, SharesTogetherAreTheBatchesOfOne) {
  const LoaderOptions options = everything(0);
  Loader loader(small_shapes(), options);
  const std::vector<Batch> expected = all(loader, 3);
  ASSERT_EQ(expected.back().images.shape()[0], 150 % 16);
  size_t mixed = 0;
  for (const int shares : {2, 3}) {
    const std::vector<Batch> got = joined(options, shares);
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_TRUE(equal(got[i], expected[i])) << shares << " shares, batch " << i;
      EXPECT_EQ(got[i].whole, expected[i].whole);
      EXPECT_EQ(got[i].whole, expected[i].images.shape()[0]);
      mixed += got[i].lambda.empty() ? 0 : 1;
    }
  }
  EXPECT_GT(mixed, 4u);
}

LoaderOptions mixing(const Json& augmentation) {
  LoaderOptions out = options();
  out.augment = true;
  out.augmentation = augmentation;
  out.augmentation["crop_padding"] = 0;
  out.augmentation["flip"] = false;
  return out;
}

TEST(Mixing, MixupPixelsAgreeWithTheTargets) {
  Loader loader(flat_images(), mixing({{"mixup", 1.0}}));
  std::set<float> lambdas;
  int64_t base = 0;
  for (const Batch& batch : all(loader, 0)) {
    const size_t count = batch.labels.size();
    ASSERT_EQ(batch.labels_b.size(), count);
    ASSERT_EQ(batch.lambda.size(), count);
    lambdas.insert(batch.lambda[0]);
    EXPECT_EQ(std::multiset<int>(batch.labels.begin(), batch.labels.end()),
              std::multiset<int>(batch.labels_b.begin(), batch.labels_b.end()));
    for (size_t i = 0; i < count; ++i) {
      const double lambda = batch.lambda[i];
      EXPECT_GE(lambda, 0);
      EXPECT_LE(lambda, 1);
      // One partner of the batch explains the colour; its label is labels_b.
      const double seen = static_cast<double>(index_of(batch, static_cast<int64_t>(i)));
      bool explained = false;
      for (size_t j = 0; j < count; ++j) {
        const double expected = lambda * static_cast<double>(base + i) + (1 - lambda) * static_cast<double>(base + j);
        explained |= std::abs(expected - seen) <= 0.51 && batch.labels_b[i] == batch.labels[j];
      }
      EXPECT_TRUE(explained) << i;
    }
    base += static_cast<int64_t>(count);
  }
  EXPECT_GT(lambdas.size(), 5);
}

TEST(Mixing, CutMixAreaIsLambda) {
  LoaderOptions cut = mixing({{"cutmix", 1.0}});
  cut.imgsz = 32;
  Loader loader(flat_images(32), cut);
  int64_t base = 0;
  int cut_images = 0;
  for (const Batch& batch : all(loader, 2)) {
    const auto pixels = batch.images.values<uint8_t>();
    for (size_t i = 0; i < batch.labels.size(); ++i) {
      int own = 0;
      int64_t other = -1;
      for (size_t p = 0; p < 1024; ++p) {
        const int64_t seen = pixels[3 * (1024 * i + p)];
        if (seen == base + static_cast<int64_t>(i))
          ++own;
        else if (other < 0)
          other = seen;
        else
          EXPECT_EQ(seen, other);
      }
      if (other < 0) continue;  // its own partner, or an empty box
      ++cut_images;
      EXPECT_FLOAT_EQ(static_cast<float>(own) / 1024, batch.lambda[i]);
      EXPECT_EQ(other % 5, batch.labels_b[i]);
    }
    base += static_cast<int64_t>(batch.labels.size());
  }
  EXPECT_GT(cut_images, 30);
}

TEST(Mixing, ProbabilityIsTheShareOfBatches) {
  LoaderOptions half = mixing({{"mixup", 1.0}, {"mix_probability", 0.5}});
  half.batch = 1;
  Loader loader(flat_images(), half);
  int mixed = 0;
  for (int64_t epoch = 0; epoch < 4; ++epoch) {
    for (const Batch& batch : all(loader, epoch)) mixed += !batch.lambda.empty();
  }
  EXPECT_NEAR(mixed, 206, 50);  // 5 standard deviations
}

TEST(Loader, LastEpochsAreWithoutStrongAugmentation) {
  LoaderOptions strong = mixing({{"mixup", 1.0}, {"erasing", 1.0}, {"augment_off_epochs", 2}});
  strong.total_epochs = 5;
  Loader loader(flat_images(), strong);
  LoaderOptions off = options();
  Loader plain(flat_images(), off);
  const auto expected = all(plain, 0);
  EXPECT_FALSE(equal(all(loader, 2)[0], expected[0]));
  for (int64_t epoch : {3, 4}) {
    const auto got = all(loader, epoch);
    for (size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(equal(got[i], expected[i])) << epoch;
  }
}

TEST(Loader, BadOptions) {
  LoaderOptions bad = options();
  bad.subset = {0, kImages};
  expect_error(ErrorKind::config, {"[0,102]", "got 103"}, [&] { Loader(flat_images(), bad); });
  bad = options();
  bad.batch = 0;
  expect_error(ErrorKind::config, {"batch"}, [&] { Loader(flat_images(), bad); });
  bad = options();
  bad.augment = true;
  bad.augmentation = Json{{"mixupp", 1}};
  expect_error(ErrorKind::config, {"mixupp"}, [&] { Loader(flat_images(), bad); });
}

TEST(ToPlanar, MovesChannels) {
  Tensor images(DType::u8, {2, 3, 4, 3});
  auto values = images.mutable_values<uint8_t>();
  std::iota(values.begin(), values.end(), uint8_t{0});
  const Tensor planar = to_planar(images);
  ASSERT_EQ(planar.shape(), (Shape{2, 3, 3, 4}));
  for (int n = 0; n < 2; ++n) {
    for (int c = 0; c < 3; ++c) {
      for (int i = 0; i < 12; ++i) EXPECT_EQ(planar.values<uint8_t>()[(n * 3 + c) * 12 + i], (n * 12 + i) * 3 + c);
    }
  }
  expect_error(ErrorKind::internal, {"[N,H,W,3]"}, [] { to_planar(Tensor(DType::u8, {1, 3, 4, 4})); });
}

}  // namespace
}  // namespace quench::data
