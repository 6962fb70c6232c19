#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/rng.h"
#include "models/spec.h"
#include "train/matching/auto_anchor.h"

namespace quench::train {
namespace {

/// Images of given sizes with given objects; no pixels.
class Labels : public data::Dataset {
 public:
  struct Image {
    int height, width;
    std::vector<data::Object> objects;
  };
  explicit Labels(std::vector<Image> images) : images_(std::move(images)) {}
  int64_t size() const override { return static_cast<int64_t>(images_.size()); }
  const std::vector<std::string>& classes() const override { return classes_; }
  int32_t label(int64_t) const override { return -1; }
  std::string task() const override { return "detect"; }
  std::vector<data::Object> objects(int64_t i) const override { return images_.at(static_cast<size_t>(i)).objects; }
  data::ImageInfo image(int64_t i) const override {
    const Image& image = images_.at(static_cast<size_t>(i));
    return {i, "image", image.height, image.width};
  }
  data::Sample at(int64_t) const override { throw Error(ErrorKind::internal, "no pixels"); }
  std::string digest() const override { return ""; }

 private:
  std::vector<Image> images_;
  std::vector<std::string> classes_{"a", "b"};
};

data::Object object(double width, double height, bool crowd = false) {
  return {{10, 20, 10 + width, 20 + height}, 0, crowd, width * height};
}

/// Boxes round `sizes`, spread by a factor of up to e^spread.
std::vector<BoxSize> around(const std::vector<BoxSize>& sizes, int each, double spread, uint64_t seed) {
  Rng rng(seed, "around");
  std::vector<BoxSize> boxes;
  for (int i = 0; i < each; ++i) {
    for (const BoxSize& size : sizes) {
      boxes.push_back(
          {size[0] * std::exp(rng.uniform(-spread, spread)), size[1] * std::exp(rng.uniform(-spread, spread))});
    }
  }
  return boxes;
}

Labels dataset_of(const std::vector<BoxSize>& boxes) {
  std::vector<Labels::Image> images;
  for (const BoxSize& box : boxes) images.push_back({640, 640, {object(box[0], box[1])}});
  return Labels(std::move(images));
}

models::DetectHead yolov5_head() { return models::detect_head(models::build("yolov5n", {})); }

TEST(AutoAnchor, BoxSizesAreThoseOfTheResizedImage) {
  const Labels labels({{100, 200, {object(20, 10), object(50, 50, true)}}, {50, 50, {}}, {400, 300, {object(40, 60)}}});
  const std::vector<BoxSize> sizes = box_sizes(labels, 400);
  ASSERT_EQ(sizes.size(), 2u);
  EXPECT_EQ(sizes[0], (BoxSize{40, 20}));
  EXPECT_EQ(sizes[1], (BoxSize{40, 60}));
  EXPECT_THROW(box_sizes(Labels({{0, 0, {object(1, 1)}}}), 400), Error);
}

TEST(AutoAnchor, FitCountsFactorsBelowTheRatio) {
  const std::vector<BoxSize> anchors{{10, 10}, {40, 20}};
  const auto fit = [&](BoxSize box) { return anchor_fit(std::vector<BoxSize>{box}, anchors, 4); };
  EXPECT_EQ(fit({10, 10}).fitting, 1);  // 40 / 10 = 4 is not below 4
  EXPECT_EQ(fit({20, 20}).fitting, 2);
  EXPECT_EQ(fit({39.9, 10}).fitting, 2);
  EXPECT_EQ(fit({100, 100}).recall, 0);  // 100 / 20 = 5
  EXPECT_EQ(fit({100, 70}).recall, 1);
  EXPECT_EQ(fit({2, 10}).recall, 0);
  const std::vector<BoxSize> boxes{{10, 10}, {2, 10}, {20, 20}, {1, 1}};
  EXPECT_DOUBLE_EQ(anchor_fit(boxes, anchors, 4).recall, 0.5);
  EXPECT_DOUBLE_EQ(anchor_fit(boxes, anchors, 4).fitting, 0.75);
  EXPECT_EQ(anchor_fit({}, anchors, 4).recall, 0);
}

TEST(AutoAnchor, FindsTheClustersOfTheBoxes) {
  const std::vector<BoxSize> wanted{{12, 30}, {40, 14}, {90, 90}};
  const std::vector<BoxSize> boxes = around(wanted, 200, 0.1, 5);
  AutoAnchorOptions options;
  options.generations = 300;
  std::vector<BoxSize> found = evolved_anchors(boxes, 3, options);
  ASSERT_EQ(found.size(), 3u);
  // Areas 360, 560, 8100: in this order.
  for (size_t i = 0; i < 3; ++i) {
    for (size_t k = 0; k < 2; ++k) EXPECT_NEAR(found[i][k] / wanted[i][k], 1, 0.1) << i;
  }
  EXPECT_EQ(evolved_anchors(boxes, 3, options), found);  // seeded
  options.seed = 1;
  EXPECT_NE(evolved_anchors(boxes, 3, options), found);
  EXPECT_TRUE(evolved_anchors(std::vector<BoxSize>{{5, 5}, {6, 6}}, 3, options).empty());
  const std::vector<BoxSize> same(20, BoxSize{30, 40});
  for (const BoxSize& anchor : evolved_anchors(same, 3, options)) {
    EXPECT_TRUE(std::isfinite(anchor[0]) && anchor[0] >= 2 && anchor[1] >= 2);
  }
  options.max_boxes = 50;
  EXPECT_EQ(evolved_anchors(boxes, 3, options).size(), 3u);
}

double mean_best(const std::vector<BoxSize>& boxes, const std::vector<BoxSize>& anchors) {
  double sum = 0;
  for (const BoxSize& box : boxes) {
    double best = 0;
    for (const BoxSize& a : anchors) {
      best = std::max(best, std::min({box[0] / a[0], a[0] / box[0], box[1] / a[1], a[1] / box[1]}));
    }
    sum += best > 0.25 ? best : 0;
  }
  return sum / static_cast<double>(boxes.size());
}

TEST(AutoAnchor, EvolutionImproves) {
  Rng rng(3, "boxes");
  std::vector<BoxSize> boxes;
  for (int i = 0; i < 500; ++i) boxes.push_back({std::exp(rng.uniform(1, 6)), std::exp(rng.uniform(1, 6))});
  AutoAnchorOptions options;
  options.generations = 0;
  double before = mean_best(boxes, evolved_anchors(boxes, 9, options));
  for (const int generations : {100, 1000}) {
    options.generations = generations;
    const double after = mean_best(boxes, evolved_anchors(boxes, 9, options));
    EXPECT_GT(after, before + 0.001);
    before = after;
  }
}

TEST(AutoAnchor, KeepsGoodAnchorsAndReplacesBadOnes) {
  const models::DetectHead head = yolov5_head();
  std::vector<std::string> said;
  LogSink log;
  log.message = [&](LogLevel, std::string_view text) { said.emplace_back(text); };

  const Labels usual = dataset_of(around({{20, 30}, {60, 50}, {200, 150}}, 30, 0.3, 1));
  EXPECT_FALSE(fitted_anchors(usual, 640, head, {}, &log));
  ASSERT_EQ(said.size(), 1u);
  EXPECT_NE(said[0].find("kept"), std::string::npos);

  const std::vector<BoxSize> thin = around({{8, 100}, {100, 9}, {300, 20}, {20, 400}}, 40, 0.3, 2);
  const auto fitted = fitted_anchors(dataset_of(thin), 640, head, {}, &log);
  ASSERT_TRUE(fitted);
  EXPECT_LT(fitted->before.recall, 0.98);
  EXPECT_GT(fitted->after.recall, fitted->before.recall);
  EXPECT_GT(fitted->after.recall, 0.95);
  ASSERT_EQ(fitted->anchors.size(), 3u);
  double area = 0;
  for (const auto& level : fitted->anchors) {
    ASSERT_EQ(level.size(), 3u);
    for (const BoxSize& a : level) {
      EXPECT_GE(a[0] * a[1], area);
      area = a[0] * a[1];
    }
  }
  const auto again = fitted_anchors(dataset_of(thin), 640, head);
  EXPECT_EQ(again->anchors, fitted->anchors);

  EXPECT_FALSE(fitted_anchors(dataset_of({}), 640, head));
  EXPECT_FALSE(fitted_anchors(dataset_of({{2, 600}}), 640, head));  // fewer boxes than anchors
  EXPECT_FALSE(fitted_anchors(dataset_of(thin), 640, models::detect_head(models::build("yolov8n", {}))));
}

TEST(AutoAnchor, CanBeCancelled) {
  CancelToken cancel;
  cancel.cancel();
  const std::vector<BoxSize> boxes = around({{8, 100}}, 40, 0.3, 2);
  EXPECT_THROW(evolved_anchors(boxes, 3, {}, &cancel), Error);
}

TEST(AutoAnchor, AnchorsAreMetadata) {
  graph::Graph graph = models::build("yolov5n", {});
  const graph::Graph before = graph;
  LevelAnchors anchors{{{5, 6}, {7.25, 8}, {9, 10}}, {{20, 21}, {22, 23}, {24, 25}}, {{50, 51}, {52, 53}, {54.5, 55}}};
  set_anchors(graph, anchors);
  EXPECT_EQ(models::detect_head(graph).anchors, anchors);
  graph.metadata["anchors"] = before.metadata.at("anchors");
  EXPECT_EQ(graph, before);

  anchors[1][1][0] = 0;
  EXPECT_THROW(set_anchors(graph, anchors), Error);
  anchors[1].pop_back();
  EXPECT_THROW(set_anchors(graph, anchors), Error);
  graph::Graph other = models::build("yolov8n", {});
  EXPECT_THROW(set_anchors(other, anchors), Error);
  EXPECT_THROW(set_anchors(other, {}), Error);
}

}  // namespace
}  // namespace quench::train
