#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "core/error.h"
#include "core/json.h"
#include "core/rng.h"
#include "data/loading/loader.h"
#include "data/sets/memory_dataset.h"
#include "data/sets/shapes.h"
#include "graph_samples.h"

/// A small classifier, a small data set and a short configuration, for tests of training.
namespace quench::train::samples {

/// Three conv, batch_norm, silu blocks and a linear head: [1,3,side,side] -> [1,classes].
inline graph::Graph tiny_classifier(int side, int64_t classes, uint64_t seed = 1) {
  graph::samples::Builder builder(seed);
  graph::EdgeId x = builder.input("images", {1, 3, side, side});
  graph::ConvAttributes conv;
  conv.kernel = {3, 3};
  conv.stride = {2, 2};
  conv.padding = {1, 1};
  int64_t channels = 16;
  for (int layer = 0; layer < 3; ++layer, channels *= 2) {
    const std::string name = "model." + std::to_string(layer);
    x = builder.conv(name + ".conv", x, channels, conv);
    x = builder.batch_norm(name + ".bn", x);
    x = builder.node(name + ".act", graph::Op::silu, {x});
  }
  x = builder.node("pool", graph::Op::global_avg_pool, {x});
  x = builder.node("flat", graph::Op::flatten, {x});
  builder.output(builder.linear("model.3.linear", x, classes));
  return builder.graph;
}

inline data::Splits tiny_shapes(int side = 24, int64_t train = 400, int64_t test = 100) {
  data::ShapesOptions options;
  options.imgsz = side;
  options.train_images = train;
  options.test_images = test;
  return data::open_shapes(options);
}

/// Grey stripes in five directions and two widths, at random places, under noise: ten classes that differ in what a few
/// small convolutions see.
inline std::shared_ptr<const data::Dataset> stripes(const std::string& split, int64_t count) {
  constexpr int kSide = 24;
  data::PixelStore store{kSide, kSide, {}, {}, {}};
  for (int k = 0; k < 10; ++k) store.classes.push_back("stripes" + std::to_string(k));
  for (int64_t i = 0; i < count; ++i) {
    Rng rng(0, split, static_cast<uint64_t>(i));
    const auto label = static_cast<int32_t>(i % 10);
    const double angle = (label % 5) * 0.628 + 0.1, width = label < 5 ? 1.0 : 1.9, phase = rng.uniform(0, 6.28);
    for (int y = 0; y < kSide; ++y) {
      for (int x = 0; x < kSide; ++x) {
        const double wave = std::sin(width * (x * std::cos(angle) + y * std::sin(angle)) + phase);
        for (int c = 0; c < 3; ++c) {
          store.pixels.push_back(static_cast<uint8_t>(128 + 60 * wave + 60 * rng.uniform(-1, 1)));
        }
      }
    }
    store.labels.push_back(label);
  }
  return std::make_shared<data::MemoryDataset>(std::move(store));
}

inline data::Splits tiny_stripes(int64_t train, int64_t test) {
  return {"stripes", stripes("train", train), stripes("test", test)};
}

/// The first `count` images of a set in the order of epoch 0, as a training takes them.
inline data::Batch first_batch(const std::shared_ptr<const data::Dataset>& set, int64_t count, int imgsz = 24) {
  data::LoaderOptions options;
  options.imgsz = imgsz;
  options.batch = count;
  data::Loader loader(set, options);
  loader.start(0);
  return *loader.next();
}

inline Json tiny_config() {
  return {{"epochs", 3},  {"batch", 40},       {"lr", 0.05},   {"warmup_epochs", 0.5},   {"threads", 1},
          {"workers", 2}, {"crop_padding", 2}, {"mixup", 0.2}, {"mix_probability", 0.5}, {"seed", 7}};
}

/// That `run` throws an Error of this kind that names `part`.
inline void expect_error(ErrorKind kind, const std::string& part, const std::function<void()>& run) {
  try {
    run();
    FAIL() << "expected an error that names " << part;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

/// An empty folder of this test's own, removed at the end.
class Folder {
 public:
  Folder() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::path(::testing::TempDir()) / (std::string("quench_") + test->name());
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace quench::train::samples
