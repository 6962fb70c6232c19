#include <cmath>
#include <numbers>
#include <set>

#include "data/augmentation/detect_augment.h"
#include "data/augmentation/mosaic.h"
#include "data/augmentation/perspective.h"
#include "data/pictures/letterbox.h"
#include "data_detect_samples.h"
#include "data_testing.h"

namespace quench::data {
namespace {

using namespace quench::testing;

bool inside(const Box& box, double side) {
  return box.x1 >= 0 && box.y1 >= 0 && box.x2 <= side && box.y2 <= side && box.x1 < box.x2 && box.y1 < box.y2;
}

// ---- mosaic

std::array<Sample, 4> four_samples(Rng& rng) {
  std::array<Sample, 4> images;
  for (int i = 0; i < 4; ++i) {
    const int height = 30 + static_cast<int>(rng.below(300)), width = 30 + static_cast<int>(rng.below(300));
    images[static_cast<size_t>(i)] = coloured_sample(height, width, {seeded_object(height, width, i, rng)});
  }
  return images;
}

TEST(Mosaic, BoxesBoundTheirPixels) {
  DetectPicture mosaic;
  Picture scratch;
  int cut = 0, whole = 0;
  for (uint64_t draw = 0; draw < 60; ++draw) {
    Rng rng(1, "mosaic test", draw);
    make_mosaic(four_samples(rng), 96, rng, mosaic, scratch);
    ASSERT_EQ(mosaic.picture.height, 192);
    ASSERT_EQ(mosaic.picture.width, 192);
    for (const Object& object : mosaic.objects) {
      const auto seen = bounds_of(mosaic.picture.pixels.data(), 192, object.label);
      if (object.box.width() < 2 || object.box.height() < 2) continue;  // cut away by the canvas
      ASSERT_TRUE(seen) << draw;
      EXPECT_LE(distance(*seen, object.box), 1.25) << draw << " label " << object.label;
      const Box& box = object.box;
      (box.x1 == 0 || box.y1 == 0 || box.x2 == 192 || box.y2 == 192 ? cut : whole) += 1;
    }
  }
  EXPECT_GT(cut, 20);
  EXPECT_GT(whole, 60);
}

TEST(Mosaic, ImagesMeetInOnePoint) {
  std::array<Sample, 4> images;
  for (int i = 0; i < 4; ++i) {  // square images full of colour i: the canvas is four quarters where these reach
    Object object;
    object.box = {0, 0, 64, 64};
    object.label = i;
    images[static_cast<size_t>(i)] = coloured_sample(64, 64, {object});
  }
  DetectPicture mosaic;
  Picture scratch;
  std::set<double> points;
  for (uint64_t draw = 0; draw < 200; ++draw) {
    Rng rng(2, "mosaic test", draw);
    make_mosaic(images, 32, rng, mosaic, scratch);
    ASSERT_EQ(mosaic.objects.size(), 4);
    const auto box = [&](size_t i) { return mosaic.objects[i].box; };
    const double x = box(0).x2, y = box(0).y2;
    EXPECT_GE(std::min(x, y), 16);
    EXPECT_LT(std::max(x, y), 48);
    points.insert(x);
    EXPECT_EQ(box(1), (Box{x, std::max(0.0, y - 32), std::min(64.0, x + 32), y}));
    EXPECT_EQ(box(2), (Box{std::max(0.0, x - 32), y, x, std::min(64.0, y + 32)}));
    EXPECT_EQ(box(3), (Box{x, y, std::min(64.0, x + 32), std::min(64.0, y + 32)}));
    for (size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(bounds_of(mosaic.picture.pixels.data(), 64, static_cast<int>(i)), box(i));
    }
    const bool top_left_bare = box(0).x1 > 0 || box(0).y1 > 0;
    EXPECT_EQ(mosaic.picture.pixels[0], top_left_bare ? kPadding : 255);
  }
  EXPECT_GT(points.size(), 28) << "of 32";
}

// ---- views

AugmentSettings settings_of(const Json& changes) {
  Json values{{"mosaic", 0.0}, {"translate", 0.0}, {"scale", 0.0}, {"hsv_h", 0.0},
              {"hsv_s", 0.0},  {"hsv_v", 0.0},     {"flip", false}};
  if (!changes.is_null()) values.update(changes);
  return AugmentSettings::from(values);
}

DetectPicture letterboxed_sample(int side, uint64_t draw) {
  Rng rng(3, "view test", draw);
  DetectPicture picture;
  letterboxed(coloured_sample(side, side, {seeded_object(side, side, static_cast<int>(draw % kColours), rng)}), side,
              picture);
  return picture;
}

TEST(View, BoxesFollowTheirPixels) {
  struct Case {
    Json settings;
    double tolerance;  // a sharp corner's tip covers less than half of its pixel
  };
  const std::vector<Case> cases{
      {Json{{"translate", 0.2}}, 1},
      {Json{{"scale", 0.6}}, 1},
      {Json{{"degrees", 180.0}}, 1.5},
      {Json{{"shear", 20.0}}, 2},
      {Json{{"perspective", 0.001}}, 1.5},
      {Json{{"degrees", 30.0}, {"scale", 0.4}, {"translate", 0.1}, {"shear", 5.0}}, 2},
      {Json{{"perspective", 0.001}, {"scale", 0.3}, {"translate", 0.1}}, 2},
  };
  for (const Case& c : cases) {
    const AugmentSettings settings = settings_of(c.settings);
    Picture scratch;
    int whole = 0;
    for (uint64_t draw = 0; draw < 60; ++draw) {
      DetectPicture picture = letterboxed_sample(200, draw);
      Rng rng(4, "view test", draw);
      const int side = draw % 2 ? 200 : 120;
      see(random_view(settings, 200, side, rng), side, picture, scratch);
      ASSERT_EQ(picture.picture.pixels.size(), 3 * side * side);
      for (const Object& object : picture.objects) {
        const auto seen = bounds_of(picture.picture.pixels.data(), side, object.label);
        const Box& box = object.box;
        EXPECT_TRUE(inside(box, side));
        EXPECT_DOUBLE_EQ(object.area, box.area());
        // A turned shape that the border cuts may fill less than its box.
        const bool cut = box.x1 == 0 || box.y1 == 0 || box.x2 == side || box.y2 == side;
        ASSERT_TRUE(seen || cut) << c.settings << draw;
        if (!seen) continue;
        EXPECT_GE(seen->x1, box.x1 - 1) << c.settings << draw;
        EXPECT_GE(seen->y1, box.y1 - 1) << c.settings << draw;
        EXPECT_LE(seen->x2, box.x2 + 1) << c.settings << draw;
        EXPECT_LE(seen->y2, box.y2 + 1) << c.settings << draw;
        if (cut) continue;
        EXPECT_LE(distance(*seen, box), c.tolerance) << c.settings << draw;
        ++whole;
      }
    }
    EXPECT_GT(whole, 5) << c.settings;
  }
}

TEST(View, HalfATurnReversesPixelsAndBoxes) {
  for (int side : {64, 65}) {
    const DetectPicture before = letterboxed_sample(side, 2);
    DetectPicture picture = before;
    Picture scratch;
    View half;
    const double far = side;
    half.matrix = {-1, 0, far, 0, -1, far, 0, 0, 1};
    see(half, side, picture, scratch);
    const Box& old = before.objects[0].box;
    EXPECT_EQ(picture.objects.at(0).box, (Box{far - old.x2, far - old.y2, far - old.x1, far - old.y1}));
    EXPECT_EQ(bounds_of(picture.picture.pixels.data(), side, before.objects[0].label), picture.objects[0].box);
    see(half, side, picture, scratch);
    EXPECT_EQ(picture.picture.pixels, before.picture.pixels);
  }
}

TEST(View, WithEverythingOffItIsTheIdentity) {
  Rng rng(0, "view test");
  EXPECT_EQ(random_view(settings_of({}), 200, 200, rng), View{});
  View half;  // of a mosaic: its middle
  half.matrix = {1, 0, -100, 0, 1, -100, 0, 0, 1};
  EXPECT_EQ(random_view(settings_of({}), 400, 200, rng), half);
}

TEST(View, RangesAreKeptAndReached) {
  const AugmentSettings settings = settings_of({{"degrees", 10.0}, {"scale", 0.3}, {"translate", 0.2}});
  double least[4] = {9, 9, 9, 9}, most[4] = {-9, -9, -9, -9};
  for (uint64_t draw = 0; draw < 2000; ++draw) {
    Rng rng(5, "view test", draw);
    const View view = random_view(settings, 100, 100, rng);
    const auto& m = view.matrix;
    const double centre_x = (m[0] * 50 + m[1] * 50 + m[2]) / 100, centre_y = (m[3] * 50 + m[4] * 50 + m[5]) / 100;
    const double degrees = std::atan2(m[1], m[0]) * 180 / std::numbers::pi;
    EXPECT_NEAR(std::hypot(m[0], m[1]), view.scale, 1e-12);
    const double values[4] = {centre_x, centre_y, degrees / 10, view.scale};
    for (int i = 0; i < 4; ++i) {
      least[i] = std::min(least[i], values[i]);
      most[i] = std::max(most[i], values[i]);
    }
  }
  const double low[4] = {0.3, 0.3, -1, 0.7}, high[4] = {0.7, 0.7, 1, 1.3};
  for (int i = 0; i < 4; ++i) {
    EXPECT_NEAR(least[i], low[i], 0.01 * (high[i] - low[i]));
    EXPECT_NEAR(most[i], high[i], 0.01 * (high[i] - low[i]));
    EXPECT_GE(least[i], low[i] - 1e-9);
    EXPECT_LE(most[i], high[i] + 1e-9);
  }
}

TEST(View, PerspectiveNeverFoldsOver) {
  const AugmentSettings settings = settings_of({{"perspective", 0.01}});
  for (uint64_t draw = 0; draw < 500; ++draw) {
    Rng rng(6, "view test", draw);
    const View view = random_view(settings, 1280, 640, rng);
    for (double x : {0.0, 1280.0}) {
      for (double y : {0.0, 1280.0}) {
        EXPECT_GE(view.matrix[6] * x + view.matrix[7] * y + view.matrix[8], 0.2 - 1e-9);
      }
    }
  }
}

TEST(View, WhatIsWorthTraining) {
  const Box before{0, 0, 100, 100};
  EXPECT_TRUE(worth_training(before, {0, 0, 40, 40}));
  EXPECT_FALSE(worth_training(before, {0, 0, 30, 30})) << "9 % are left";
  EXPECT_FALSE(worth_training({0, 0, 3, 3}, {0, 0, 2, 3})) << "2 px wide";
  EXPECT_FALSE(worth_training({0, 0, 3, 3}, {0, 0, 3, 2})) << "2 px high";
  EXPECT_TRUE(worth_training({0, 0, 3, 3}, {0, 0, 2.1, 2.1}));
  EXPECT_FALSE(worth_training({0, 0, 300, 3}, {0, 0, 300, 3})) << "100 times longer than wide";
  EXPECT_FALSE(worth_training({0, 0, 3, 300}, {0, 0, 3, 300}));
  EXPECT_TRUE(worth_training({0, 0, 299, 3}, {0, 0, 299, 3}));
  EXPECT_FALSE(worth_training(before, {50, 50, 50, 50}));
}

// ---- colour, flip, blend

TEST(ShiftHsv, ValueScalesGray) {
  const AugmentSettings settings = settings_of({{"hsv_v", 0.4}, {"hsv_s", 0.7}, {"hsv_h", 0.5}});
  double sum = 0;
  std::set<int> values;
  Picture scratch;
  for (uint64_t draw = 0; draw < 1000; ++draw) {
    Rng rng(7, "hsv test", draw);
    Picture picture;
    picture.resize(1, 2);
    picture.pixels = {100, 100, 100, 220, 220, 220};
    shift_hsv(picture, settings, rng, scratch);
    const auto& p = picture.pixels;
    EXPECT_TRUE(p[0] == p[1] && p[1] == p[2]) << "gray stays gray";
    EXPECT_GE(p[0], 59);
    EXPECT_LE(p[0], 140);
    EXPECT_NEAR(p[3], std::min(255.0, 2.2 * p[0]), 3);
    sum += p[0];
    values.insert(p[0]);
  }
  EXPECT_NEAR(sum / 1000, 99.5, 4);  // 23 / sqrt(1000), five times; fractions are cut off
  EXPECT_GT(values.size(), 75);
}

TEST(ShiftHsv, EachChannelAlone) {
  Picture scratch;
  const auto shifted = [&](const Json& changes, uint64_t draw) {
    Rng rng(8, "hsv test", draw);
    Picture picture;
    picture.resize(1, 1);
    picture.pixels = {40, 40, 200};  // hue 240 degrees, saturation 204 of 255, value 200
    shift_hsv(picture, settings_of(changes), rng, scratch);
    return picture.pixels;
  };
  std::set<int> greens, whites;
  for (uint64_t draw = 0; draw < 200; ++draw) {
    const auto hue = shifted({{"hsv_h", 0.1}}, draw);  // 216 to 264 degrees
    EXPECT_EQ(hue[2], 200);
    EXPECT_NEAR(std::min(hue[0], hue[1]), 40, 1);
    EXPECT_NEAR(std::max(hue[0], hue[1]), 72, 33);
    greens.insert(hue[1]);
    const auto saturation = shifted({{"hsv_s", 0.5}}, draw);
    EXPECT_EQ(saturation[2], 200);
    EXPECT_NEAR(saturation[0], saturation[1], 1);
    EXPECT_LE(saturation[0], 121);
    whites.insert(saturation[0]);
    EXPECT_EQ(shifted({}, draw), (std::vector<uint8_t>{40, 40, 200}));
  }
  EXPECT_GT(greens.size(), 5);
  EXPECT_GT(whites.size(), 50);
}

TEST(Flip, TwiceIsNothing) {
  const DetectPicture before = letterboxed_sample(90, 4);
  DetectPicture picture = before;
  std::vector<uint8_t> out(picture.picture.pixels.size());
  flip_into(picture, out.data());
  EXPECT_EQ(bounds_of(out.data(), 90, picture.objects[0].label), picture.objects[0].box);
  EXPECT_NE(picture.objects, before.objects);
  picture.picture.pixels = out;
  flip_into(picture, out.data());
  EXPECT_EQ(out, before.picture.pixels);
  EXPECT_EQ(picture.objects, before.objects);
}

TEST(Blend, WeighsPixelsAndUnitesObjects) {
  DetectPicture a, b;
  a.picture.resize(4, 4);
  b.picture.resize(4, 4);
  std::fill(a.picture.pixels.begin(), a.picture.pixels.end(), uint8_t{200});
  std::fill(b.picture.pixels.begin(), b.picture.pixels.end(), uint8_t{100});
  a.objects.resize(2);
  b.objects.resize(3);
  DetectPicture mixed = a;
  blend(mixed, b, 0.25);
  EXPECT_EQ(mixed.picture.pixels, std::vector<uint8_t>(48, 125));
  EXPECT_EQ(mixed.objects.size(), 5);
  mixed = a;
  blend(mixed, b, 1);
  EXPECT_EQ(mixed.picture.pixels, a.picture.pixels);
}

// ---- all of it

struct Made {
  std::vector<uint8_t> pixels;
  std::vector<Object> objects;
  bool operator==(const Made&) const = default;
};

Made make(const AugmentSettings& settings, const Dataset& dataset, int64_t index, uint64_t draw, int imgsz = 128,
          bool strong = true, const std::vector<int64_t>& pool = {}) {
  DetectAugmenter augmenter(settings, imgsz);
  Rng rng(9, "augmenter test", draw);
  Made made;
  made.pixels.resize(static_cast<size_t>(imgsz) * imgsz * 3);
  made.objects = augmenter.make(dataset, pool, index, strong, rng, made.pixels.data());
  return made;
}

TEST(DetectAugmenter, WithEverythingOffItLetterboxes) {
  const ColouredBoxes dataset(16);
  for (int64_t index = 0; index < dataset.size(); ++index) {
    DetectPicture expected;
    letterboxed(dataset.at(index), 128, expected);
    const Made made = make(settings_of({}), dataset, index, 0);
    EXPECT_EQ(made.pixels, expected.picture.pixels);
    ASSERT_EQ(made.objects.size(), dataset.objects(index).size());
    for (size_t i = 0; i < made.objects.size(); ++i) {
      EXPECT_LE(distance(made.objects[i].box, expected.objects[i].box), 1e-9);
      EXPECT_EQ(made.objects[i].label, dataset.objects(index)[i].label);
      const auto seen = bounds_of(made.pixels.data(), 128, made.objects[i].label);
      ASSERT_TRUE(seen);
      EXPECT_LE(distance(*seen, made.objects[i].box), 1.25);
    }
  }
}

TEST(DetectAugmenter, BoxesBoundTheirPixels) {
  const ColouredBoxes dataset(40);
  // The defaults without colour: mosaic, translation, scaling, flip.
  const AugmentSettings settings = AugmentSettings::from(Json{{"hsv_h", 0.0}, {"hsv_s", 0.0}, {"hsv_v", 0.0}});
  int objects = 0;
  for (uint64_t draw = 0; draw < 200; ++draw) {
    const Made made = make(settings, dataset, static_cast<int64_t>(draw % 40), draw);
    for (const Object& object : made.objects) {
      EXPECT_TRUE(inside(object.box, 128));
      const auto seen = bounds_of(made.pixels.data(), 128, object.label, object.box);
      ASSERT_TRUE(seen) << draw;
      EXPECT_LE(distance(*seen, object.box), 2) << draw;
      ++objects;
    }
  }
  EXPECT_GT(objects, 300);
}

TEST(DetectAugmenter, IsAFunctionOfItsDraws) {
  const ColouredBoxes dataset(20);
  const AugmentSettings settings = settings_of({{"mosaic", 0.7},
                                                {"mosaic_mixup", 0.5},
                                                {"degrees", 20.0},
                                                {"translate", 0.1},
                                                {"scale", 0.5},
                                                {"shear", 3.0},
                                                {"perspective", 0.0005},
                                                {"hsv_h", 0.02},
                                                {"hsv_s", 0.5},
                                                {"hsv_v", 0.5},
                                                {"flip", true}});
  DetectAugmenter reused(settings, 96);
  int other_images = 0;
  for (uint64_t draw = 0; draw < 30; ++draw) {
    const Made fresh = make(settings, dataset, 3, draw, 96);
    Made again;
    again.pixels.resize(fresh.pixels.size());
    Rng rng(9, "augmenter test", draw);
    again.objects = reused.make(dataset, {}, 3, true, rng, again.pixels.data());
    EXPECT_EQ(fresh, again) << "what was made before leaves no trace";
    EXPECT_NE(fresh.pixels, make(settings, dataset, 3, draw + 1, 96).pixels);
    other_images += fresh.pixels != make(settings, dataset, 4, draw, 96).pixels;
  }
  EXPECT_GT(other_images, 20) << "a mosaic's view may miss an image";
}

std::set<int> labels_in(const Made& made) {
  std::set<int> labels;
  for (const Object& object : made.objects) labels.insert(object.label);
  return labels;
}

TEST(DetectAugmenter, MosaicTakesPartnersFromThePool) {
  const ColouredBoxes dataset(20);
  const AugmentSettings settings = settings_of({{"mosaic", 1.0}, {"mosaic_mixup", 1.0}});
  std::set<int> seen, all;
  for (uint64_t draw = 0; draw < 60; ++draw) {
    for (int label : labels_in(make(settings, dataset, 1, draw, 64, true, {2, 3}))) seen.insert(label);
    for (int label : labels_in(make(settings, dataset, 1, draw, 64))) all.insert(label);
  }
  EXPECT_EQ(seen, (std::set<int>{1, 2, 3}));
  EXPECT_EQ(all.size(), kColours);
}

TEST(DetectAugmenter, SharesAreTheProbabilities) {
  const ColouredBoxes dataset(4);
  const auto objects_of = [&](const Json& changes, uint64_t draw) {
    return make(settings_of(changes), dataset, 0, draw, 64).objects.size();
  };
  DetectPicture plain;
  letterboxed(dataset.at(0), 64, plain);
  int mosaics = 0, flips = 0;
  size_t alone = 0, mixed = 0;
  for (uint64_t draw = 0; draw < 400; ++draw) {
    mosaics += make(settings_of({{"mosaic", 0.25}}), dataset, 0, draw, 64).pixels != plain.picture.pixels;
    flips += make(settings_of({{"flip", true}}), dataset, 0, draw, 64).pixels != plain.picture.pixels;
    alone += objects_of({{"mosaic", 1.0}}, draw);
    mixed += objects_of({{"mosaic", 1.0}, {"mosaic_mixup", 1.0}}, draw);
  }
  EXPECT_NEAR(mosaics, 100, 44);  // 5 standard deviations
  EXPECT_NEAR(flips, 200, 50);
  EXPECT_NEAR(static_cast<double>(mixed), 2.0 * static_cast<double>(alone), 0.2 * static_cast<double>(alone));
}

TEST(DetectAugmenter, WithoutStrongThereIsNoMosaic) {
  const ColouredBoxes dataset(20);
  const AugmentSettings settings = settings_of({{"mosaic", 1.0}, {"mosaic_mixup", 1.0}});
  DetectPicture plain;
  letterboxed(dataset.at(5), 64, plain);
  EXPECT_EQ(make(settings, dataset, 5, 0, 64, false).pixels, plain.picture.pixels);
  EXPECT_NE(make(settings, dataset, 5, 0, 64, true).pixels, plain.picture.pixels);
}

TEST(DetectAugmenter, CrowdsAreLeftOut) {
  ColouredBoxes dataset(4);
  for (int64_t i = 0; i < 4; ++i) {
    for (Object& object : dataset.sample(i).objects) object.crowd = true;
  }
  for (double mosaic : {0.0, 1.0}) EXPECT_TRUE(make(settings_of({{"mosaic", mosaic}}), dataset, 0, 1).objects.empty());
}

TEST(DetectAugmenter, OddImages) {
  ColouredBoxes dataset(6);
  Object small;
  small.box = {0, 0, 1, 1};
  small.label = 0;
  dataset.sample(0) = coloured_sample(1, 1, {small});
  dataset.sample(1) = coloured_sample(1, 3000, {small});
  dataset.sample(2) = coloured_sample(3000, 1, {});
  dataset.sample(3) = coloured_sample(200, 200, {small});  // too small after letterboxing: filtered
  const AugmentSettings wild = settings_of({{"mosaic", 0.5},
                                            {"mosaic_mixup", 0.5},
                                            {"degrees", 180.0},
                                            {"translate", 1.0},
                                            {"scale", 0.99},
                                            {"shear", 89.0},
                                            {"perspective", 0.01},
                                            {"hsv_h", 0.5},
                                            {"hsv_s", 1.0},
                                            {"hsv_v", 1.0},
                                            {"flip", true}});
  for (int imgsz : {1, 2, 33, 64}) {
    for (uint64_t draw = 0; draw < 60; ++draw) {
      const Made made = make(wild, dataset, static_cast<int64_t>(draw % 6), draw, imgsz);
      for (const Object& object : made.objects) EXPECT_TRUE(inside(object.box, imgsz)) << imgsz << " " << draw;
    }
  }
  EXPECT_EQ(make(settings_of({}), dataset, 0, 0, 64).objects.at(0).box, (Box{0, 0, 64, 64}));
  EXPECT_TRUE(make(settings_of({}), dataset, 2, 0, 64).objects.empty());
  EXPECT_TRUE(make(settings_of({}), dataset, 3, 0, 64).objects.empty());
}

TEST(DetectAugmenter, SettingsHaveTheOptionsDefaults) {
  const AugmentSettings settings = AugmentSettings::from(Json());
  EXPECT_EQ(settings.mosaic, 1);
  EXPECT_EQ(settings.mosaic_mixup, 0);
  EXPECT_EQ(settings.translate, 0.1);
  EXPECT_EQ(settings.scale, 0.5);
  EXPECT_EQ(settings.hsv_h, 0.015);
  EXPECT_EQ(settings.hsv_s, 0.7);
  EXPECT_EQ(settings.hsv_v, 0.4);
  expect_error(ErrorKind::config, {"mosaic"}, [] { AugmentSettings::from(Json{{"mosaic", 1.5}}); });
  expect_error(ErrorKind::config, {"degrees"}, [] { AugmentSettings::from(Json{{"degrees", "ten"}}); });
}

}  // namespace
}  // namespace quench::data
