// What is taken for what: of classes, and of boxes.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/error.h"
#include "core/rng.h"
#include "metrics/confusion.h"

namespace quench::metrics {
namespace {

Object object(double x, double y, double side, int32_t label, bool crowd = false) {
  return {{x, y, x + side, y + side}, label, crowd, side * side};
}
FoundBox found(double x, double y, double side, int32_t label, double score) {
  return {{x, y, x + side, y + side}, score, label};
}

TEST(Confusion, CountsClasses) {
  const std::vector<int32_t> labels{0, 0, 1, 2, 2, 2}, predictions{0, 1, 1, 0, 2, 0};
  const Confusion confusion = class_confusion(labels, predictions, 3);
  EXPECT_EQ(confusion.counts, (std::vector<int64_t>{1, 1, 0, 0, 1, 0, 2, 0, 1}));
  EXPECT_EQ(most_confused(confusion, 5), (std::vector<Confused>{{2, 0, 2}, {0, 1, 1}}));
  EXPECT_EQ(most_confused(confusion, 1).size(), 1u);
  EXPECT_EQ(most_confused_classes(confusion, 2), (std::vector<int64_t>{0, 2}));  // in 3 and in 2 confusions
  EXPECT_THROW(class_confusion(labels, std::vector<int32_t>{0}, 3), Error);
  EXPECT_THROW(class_confusion(std::vector<int32_t>{3}, std::vector<int32_t>{0}, 3), Error);
}

TEST(Confusion, BoxesFindTheirPartnersWhateverTheirClass) {
  Confusion confusion = box_confusion(2);
  // One right, one of the other class, one missed, one where nothing is, one not sure enough.
  add_boxes(confusion, std::vector<Object>{object(0, 0, 10, 0), object(50, 0, 10, 0), object(0, 50, 10, 1)},
            std::vector<FoundBox>{found(0, 1, 10, 0, 0.9), found(50, 0, 10, 1, 0.8), found(80, 80, 10, 1, 0.7),
                                  found(0, 50, 10, 1, 0.25)});
  EXPECT_EQ(confusion.at(0, 0), 1);
  EXPECT_EQ(confusion.at(0, 1), 1);
  EXPECT_EQ(confusion.at(1, 2), 1);  // background to the model
  EXPECT_EQ(confusion.at(2, 1), 1);  // background taken for an object
  EXPECT_EQ(std::ranges::count(confusion.counts, 0), 5);
}

TEST(Confusion, ABoxIsUsedOnceAndTheNearestTakesIt) {
  Confusion confusion = box_confusion(2);
  // Both overlap the one true box; the second more.
  add_boxes(confusion, std::vector<Object>{object(0, 0, 10, 0)},
            std::vector<FoundBox>{found(0, 2, 10, 1, 0.9), found(0, 1, 10, 0, 0.5)});
  EXPECT_EQ(confusion.at(0, 0), 1);
  EXPECT_EQ(confusion.at(2, 1), 1);
  EXPECT_EQ(confusion.at(0, 1), 0);
}

TEST(Confusion, TheBoundIsIouAboveTheThreshold) {
  Confusion confusion = box_confusion(1);
  // Two boxes of 10 x 10, moved by d: IoU (10 - d) / (10 + d): 0.4286 at 4, 0.4706 at 3.6.
  add_boxes(confusion, std::vector<Object>{object(0, 0, 10, 0)}, std::vector<FoundBox>{found(4, 0, 10, 0, 0.9)});
  EXPECT_EQ(confusion.at(0, 0), 0);
  add_boxes(confusion, std::vector<Object>{object(0, 0, 10, 0)}, std::vector<FoundBox>{found(3.6, 0, 10, 0, 0.9)});
  EXPECT_EQ(confusion.at(0, 0), 1);
}

TEST(Confusion, CrowdsHaveNoRow) {
  Confusion confusion = box_confusion(2);
  add_boxes(confusion, std::vector<Object>{object(0, 0, 100, 0, true)},
            std::vector<FoundBox>{found(10, 10, 5, 0, 0.9), found(20, 20, 5, 1, 0.9)});
  EXPECT_EQ(confusion.at(2, 1), 1);  // of another class: where nothing of it is
  EXPECT_EQ(std::ranges::count(confusion.counts, 0), 8);
}

TEST(Confusion, EveryBoxStandsOnce) {
  Rng rng(1, "confusion");
  for (int round = 0; round < 50; ++round) {
    std::vector<Object> truths;
    std::vector<FoundBox> boxes;
    for (int i = 0; i < 12; ++i) {
      truths.push_back(object(rng.uniform(0, 40), rng.uniform(0, 40), rng.uniform(5, 20), i % 3));
      boxes.push_back(found(rng.uniform(0, 40), rng.uniform(0, 40), rng.uniform(5, 20), i % 3, rng.uniform(0, 1)));
    }
    Confusion confusion = box_confusion(3);
    add_boxes(confusion, truths, boxes);
    int64_t rows = 0, columns = 0;
    for (int64_t t = 0; t < 4; ++t) {
      for (int64_t p = 0; p < 4; ++p) {
        rows += t < 3 ? confusion.at(t, p) : 0;
        columns += p < 3 ? confusion.at(t, p) : 0;
      }
    }
    EXPECT_EQ(rows, 12);
    EXPECT_EQ(columns, std::ranges::count_if(boxes, [](const FoundBox& box) { return box.score > 0.25; }));
  }
}

TEST(ImageMatches, TheSurerTakesTheBestBoxOfItsClass) {
  const std::vector<Object> truths{object(0, 0, 10, 0), object(3, 0, 10, 0), object(60, 0, 30, 1, true)};
  const std::vector<FoundBox> boxes{found(1, 0, 10, 0, 0.5), found(0.5, 0, 10, 0, 0.9), found(65, 5, 5, 1, 0.8),
                                    found(0, 0, 10, 1, 0.7)};
  const ImageMatches matches = match_image(truths, boxes, 0.5);
  EXPECT_EQ(matches.of_found, (std::vector<int32_t>{1, 0, ImageMatches::kIgnored, ImageMatches::kWrong}));
  EXPECT_EQ(matches.right, 2);
  EXPECT_EQ(matches.wrong, 1);
  EXPECT_EQ(matches.missed, 0);
}

}  // namespace
}  // namespace quench::metrics
