// cifar100-scenes: exact boxes, disjoint splits, seeded; against OpenCV's own resize.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <set>

#include "core/file.h"
#include "data/sets/catalog.h"
#include "data/sets/cifar.h"
#include "data/sets/memory_dataset.h"
#include "data/sets/scene_paint.h"
#include "data/sets/scenes.h"
#include "data_testing.h"

namespace quench::data {
namespace {

using quench::testing::expect_error;
using quench::testing::TemporaryFolder;

constexpr int kSide = 32;

/// Random smooth pictures with labels 0..4.
std::shared_ptr<const Dataset> pictures(uint64_t seed, int count = 40) {
  PixelStore store{kSide, kSide, {}, {}, {"a", "b", "c", "d", "e"}};
  for (int i = 0; i < count; ++i) {
    Rng rng(seed, "pictures", static_cast<uint64_t>(i));
    cv::Mat coarse(4, 4, CV_8UC3), fine;
    for (int k = 0; k < 48; ++k) coarse.data[k] = static_cast<uint8_t>(rng.below(256));
    cv::resize(coarse, fine, {kSide, kSide}, 0, 0, cv::INTER_CUBIC);
    store.pixels.insert(store.pixels.end(), fine.data, fine.data + kSide * kSide * 3);
    store.labels.push_back(static_cast<int32_t>(rng.below(5)));
  }
  return std::make_shared<MemoryDataset>(std::move(store));
}

SceneSettings settings(const std::string& suffix = "") { return parse_scene_settings(suffix); }

cv::Mat as_mat(const Tensor& pixels) {
  return {static_cast<int>(pixels.shape()[0]), static_cast<int>(pixels.shape()[1]), CV_8UC3,
          const_cast<std::byte*>(pixels.bytes())};
}

TEST(Scenes, BoxesAreExact) {
  const auto source = pictures(1);
  const Scenes scenes(source, settings("classes=100"), "train", 60);
  for (int64_t index = 0; index < 60; ++index) {
    const Sample sample = scenes.at(index);
    const std::vector<ScenePart> parts = scenes.parts(index);
    cv::Mat expected = as_mat(scenes.background(index)).clone();
    cv::Mat owner(expected.rows, expected.cols, CV_32S, cv::Scalar(-1));
    for (size_t i = 0; i < parts.size(); ++i) {
      const Box& box = parts[i].object.box;
      const cv::Rect place(static_cast<int>(box.x1), static_cast<int>(box.y1), static_cast<int>(box.width()),
                           static_cast<int>(box.height()));
      const Tensor picture = source->at(parts[i].picture).pixels;
      cv::resize(as_mat(picture), expected(place), place.size(), 0, 0, cv::INTER_LINEAR);
      owner(place).setTo(cv::Scalar(static_cast<double>(i)));
      EXPECT_EQ(parts[i].object, sample.objects[i]);
      EXPECT_EQ(parts[i].object.label, source->label(parts[i].picture));
    }
    ASSERT_EQ(parts.size(), sample.objects.size());
    const auto got = sample.pixels.values<uint8_t>();
    int worst_inside = 0, worst_outside = 0;
    for (int p = 0; p < owner.rows * owner.cols; ++p) {
      int& worst = reinterpret_cast<const int*>(owner.data)[p] < 0 ? worst_outside : worst_inside;
      for (int c = 0; c < 3; ++c) worst = std::max(worst, std::abs(got[3 * p + c] - expected.data[3 * p + c]));
    }
    EXPECT_EQ(worst_outside, 0) << index;
    EXPECT_LE(worst_inside, 2) << index;  // weights of 8 bits here, of 11 there: measured 2
  }
}

TEST(Scenes, LayoutKeepsItsBounds) {
  const SceneSettings bounds = settings("classes=100,objects=6,smallest=20,largest=90,canvas=256");
  const Scenes scenes(pictures(1), bounds, "train", 800);
  std::set<size_t> counts;
  std::set<int32_t> labels;
  double least = 1e9, most = 0;
  for (int64_t index = 0; index < scenes.size(); ++index) {
    const std::vector<Object> objects = scenes.objects(index);
    counts.insert(objects.size());
    for (size_t i = 0; i < objects.size(); ++i) {
      const Box& box = objects[i].box;
      labels.insert(objects[i].label);
      EXPECT_TRUE(box.x1 >= 0 && box.y1 >= 0 && box.x2 <= 256 && box.y2 <= 256);
      EXPECT_EQ(box.x1, std::floor(box.x1));
      EXPECT_EQ(objects[i].area, box.area());
      const double size = std::sqrt(box.area()), ratio = box.width() / box.height();
      EXPECT_TRUE(size > 19 && size < 91) << size;
      EXPECT_TRUE(ratio > 0.75 && ratio < 1.34) << ratio;  // 0.8 to 1.25, and whole pixels
      least = std::min(least, size);
      most = std::max(most, size);
      double hidden = 0;
      for (size_t j = i + 1; j < objects.size(); ++j) {
        const Box& above = objects[j].box;
        EXPECT_LE(intersection(box, above), 0.25 * std::min(box.area(), above.area()));
        EXPECT_LE(iou(box, above), 0.2);
        hidden += intersection(box, above);
      }
      EXPECT_LE(hidden, 0.4 * box.area() + 1e-9);
    }
  }
  EXPECT_EQ(*counts.begin(), 1u);
  EXPECT_EQ(*counts.rbegin(), 6u);
  EXPECT_EQ(labels.size(), 5u);
  EXPECT_LT(least, 22);
  EXPECT_GT(most, 82);
}

TEST(Scenes, ArePureFunctionsOfSeedSplitAndIndex) {
  const auto source = pictures(1);
  const Scenes one(source, settings("canvas=128"), "train", 20), again(source, settings("canvas=128"), "train", 20);
  const Scenes seeded(source, settings("canvas=128,seed=1"), "train", 20);
  const Scenes other(source, settings("canvas=128"), "test", 20);
  for (int64_t i = 19; i >= 0; --i) {
    const Sample a = one.at(i), b = again.at(i);
    EXPECT_EQ(a.pixels, b.pixels);
    EXPECT_EQ(a.objects, b.objects);
    EXPECT_EQ(a.objects, one.objects(i));
    EXPECT_NE(a.pixels, seeded.at(i).pixels);
    EXPECT_NE(a.pixels, other.at(i).pixels);
    if (i) {
      EXPECT_NE(a.pixels, one.at(i - 1).pixels);
    }
  }
}

TEST(Scenes, SplitsHaveTheirOwnPictures) {
  const Splits source{"pictures", pictures(1, 30), pictures(2, 20), false};
  const Splits splits = make_scenes(source, settings("train=300,test=200,classes=100"));
  ASSERT_EQ(splits.train->size(), 300);
  ASSERT_EQ(splits.test->size(), 200);
  EXPECT_FALSE(splits.same_images);
  std::set<int64_t> used;
  for (int64_t i = 0; i < 200; ++i) {
    for (const ScenePart& part : dynamic_cast<const Scenes&>(*splits.test).parts(i)) {
      used.insert(part.picture);
      EXPECT_EQ(part.object.label, source.test->label(part.picture));
    }
  }
  EXPECT_EQ(used.size(), 20u);  // all of them, and no others
  used.clear();
  for (int64_t i = 0; i < 300; ++i) {
    for (const ScenePart& part : dynamic_cast<const Scenes&>(*splits.train).parts(i)) used.insert(part.picture);
  }
  EXPECT_EQ(used.size(), 30u);
  EXPECT_EQ(splits.train->image(7).name, "train-000007");
  EXPECT_EQ(splits.train->image(7).id, 7);
  EXPECT_EQ(splits.train->image(7).width, 320);
  EXPECT_EQ(first_images(splits.test, 5)->at(4).objects, splits.test->objects(4));
}

TEST(Scenes, OneClassIsObject) {
  const Scenes scenes(pictures(1), settings("classes=1"), "train", 20);
  EXPECT_EQ(scenes.classes(), std::vector<std::string>{"object"});
  for (int64_t i = 0; i < 20; ++i) {
    for (const Object& object : scenes.objects(i)) EXPECT_EQ(object.label, 0);
  }
}

TEST(Scenes, DigestCoversSettingsSplitAndPictures) {
  const auto digest = [](const std::string& suffix, const std::string& split, uint64_t seed) {
    return Scenes(pictures(seed), settings(suffix), split, 10).digest();
  };
  const std::string plain = digest("", "train", 1);
  EXPECT_EQ(digest("canvas=320,seed=0", "train", 1), plain);
  std::set<std::string> all{plain};
  for (const char* suffix :
       {"canvas=352", "classes=1", "objects=7", "smallest=25", "largest=129", "overlap=0.2", "seed=1"}) {
    EXPECT_TRUE(all.insert(digest(suffix, "train", 1)).second) << suffix;
  }
  EXPECT_TRUE(all.insert(digest("", "test", 1)).second);
  EXPECT_TRUE(all.insert(digest("", "train", 2)).second);
}

TEST(Scenes, SettingsAreReadAndNamed) {
  EXPECT_EQ(settings(), SceneSettings());
  const SceneSettings small = settings("canvas=160,train=40,classes=100,overlap=0.1");
  EXPECT_EQ(small.canvas, 160);
  EXPECT_EQ(small.train, 40);
  EXPECT_EQ(small.smallest, 16);
  EXPECT_EQ(small.largest, 64);
  EXPECT_EQ(scenes_name(SceneSettings()), "cifar100-scenes");
  EXPECT_EQ(scenes_name(small), "cifar100-scenes:canvas=160,train=40,classes=100,overlap=0.1");
  for (const char* suffix : {"", "canvas=160", "train=40,test=7,classes=1", "smallest=30,largest=40,seed=9"}) {
    const std::string name = scenes_name(settings(suffix));
    EXPECT_EQ(settings(name.size() > 16 ? name.substr(16) : ""), settings(suffix)) << name;
  }
  const auto refused = [](const std::string& name, std::initializer_list<std::string> parts) {
    expect_error(ErrorKind::config, parts, [&] { open("cifar100-scenes:" + name, "/nowhere"); });
  };
  refused("canvs=320", {"canvs", "did you mean 'canvas'"});
  refused("canvas", {"key=value", "'canvas'"});
  refused("canvas=32", {"canvas", "64"});
  refused("canvas=big", {"canvas", "big"});
  refused("canvas=320,canvas=160", {"canvas", "again"});
  refused("classes=10", {"1, 20 or 100", "10"});
  refused("smallest=100,largest=50", {"100", "50"});
  refused("largest=400", {"400", "320"});
  refused("train=0", {"train"});
  expect_error(ErrorKind::config, {"cifar100-scene", "did you mean 'cifar100-scenes'"},
               [] { open("cifar100-scene:train=4", "/nowhere"); });
  expect_error(ErrorKind::io, {"quench data fetch cifar100"}, [] { open("cifar100-scenes", "/nowhere"); });
}

TEST(Scenes, PictureResizeIsOpenCvs) {
  const auto source = pictures(3, 4);
  for (const auto& [width, height] : {std::pair(16, 16), std::pair(24, 19), std::pair(31, 33), std::pair(32, 32),
                                      std::pair(64, 64), std::pair(128, 97), std::pair(320, 320)}) {
    const Tensor picture = source->at(1).pixels;
    std::vector<uint8_t> out(320 * 320 * 3, 7);
    paint_picture(picture.values<uint8_t>().data(), kSide, kSide, {out.data(), 320}, 0, 0, width, height);
    cv::Mat expected;
    cv::resize(as_mat(picture), expected, {width, height}, 0, 0, cv::INTER_LINEAR);
    int worst = 0;
    for (int y = 0; y < height; ++y) {
      for (int i = 0; i < 3 * width; ++i) {
        worst = std::max(worst, std::abs(out[static_cast<size_t>(y * 960 + i)] - expected.ptr<uint8_t>(y)[i]));
      }
    }
    EXPECT_LE(worst, width == 32 && height == 32 ? 0 : 2) << width << "x" << height;
    if (width < 320) {
      EXPECT_EQ(out[static_cast<size_t>(3 * width)], 7);
      EXPECT_EQ(out[static_cast<size_t>(height) * 960], 7);
    }
  }
  const uint8_t dot[] = {10, 20, 30};  // one pixel fills the place
  std::vector<uint8_t> out(64 * 64 * 3);
  paint_picture(dot, 1, 1, {out.data(), 64}, 0, 0, 64, 64);
  for (size_t i = 0; i < out.size(); ++i) ASSERT_EQ(out[i], dot[i % 3]);
}

TEST(Scenes, BackgroundsVary) {
  const Scenes scenes(pictures(1), settings(), "train", 40);
  std::vector<double> means, spreads;
  for (int64_t i = 0; i < scenes.size(); ++i) {
    cv::Scalar mean, spread;
    cv::meanStdDev(as_mat(scenes.background(i)), mean, spread);
    means.push_back(mean[0]);
    spreads.push_back(spread[0]);
  }
  const auto [low, high] = std::minmax_element(means.begin(), means.end());
  EXPECT_GT(*high - *low, 80);
  const auto [flat, rough] = std::minmax_element(spreads.begin(), spreads.end());
  EXPECT_GT(*rough - *flat, 20);
}

TEST(CifarCoarse, LabelsAreTheFirstByte) {
  TemporaryFolder root;
  CifarLayout layout = cifar100_coarse_layout();
  layout.train_records = layout.test_records = 2;
  std::string names, records;
  for (int i = 0; i < 20; ++i) names += "super" + std::to_string(i) + "\n";
  for (int i = 0; i < 2; ++i) {
    records += static_cast<char>(19 - i);
    records += static_cast<char>(90 + i);
    records += std::string(3072, 'x');
  }
  write_file(root.path() / "cifar-100-binary/train.bin", records);
  write_file(root.path() / "cifar-100-binary/test.bin", records);
  write_file(root.path() / "cifar-100-binary/coarse_label_names.txt", names);
  const Splits splits = open_cifar(layout, root.path());
  EXPECT_EQ(splits.train->label(0), 19);
  EXPECT_EQ(splits.train->label(1), 18);
  EXPECT_EQ(splits.train->classes()[19], "super19");
}

TEST(RealScenes, OfCifar100) {
  const auto root = default_root(std::getenv("QUENCH_DATA"), std::getenv("HOME"));
  for (const CatalogEntry& entry : catalog(root)) {
    if (entry.name == "cifar100-scenes" && entry.found.empty()) GTEST_SKIP() << "no cifar100 below " << root;
  }
  const Splits splits = open("cifar100-scenes:train=3000,test=50", root);
  EXPECT_EQ(splits.name, "cifar100-scenes:train=3000,test=50");
  EXPECT_EQ(splits.train->classes().size(), 20u);
  EXPECT_EQ(splits.train->classes()[0], "aquatic_mammals");
  std::vector<int64_t> counts(20);
  for (int64_t i = 0; i < splits.train->size(); ++i) {
    for (const Object& object : splits.train->objects(i)) ++counts[static_cast<size_t>(object.label)];
  }
  const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
  EXPECT_GT(*least * 10, *most * 7);  // about 670 of each
  EXPECT_EQ(open("cifar100-scenes:classes=100,train=5", root).train->classes().size(), 100u);
  const auto start = std::chrono::steady_clock::now();
  for (int64_t i = 0; i < 500; ++i) splits.train->at(i);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  RecordProperty("scenes_per_second", static_cast<int>(500 / seconds.count()));
}

}  // namespace
}  // namespace quench::data
