#include <gtest/gtest.h>

#include <cmath>

#include "train/losses/yolov5_loss.h"
#include "train/matching/anchor_matching.h"
#include "train_detect_reference.h"
#include "train_detect_samples.h"

namespace quench::train {
namespace {

using samples::kSide;
using torch::Tensor;

std::vector<std::array<float, 2>> in_cells(const models::DetectHead& head, size_t level) {
  std::vector<std::array<float, 2>> anchors;
  const auto stride = static_cast<float>(head.strides[level]);
  for (const auto& [w, h] : head.anchors[level]) {
    anchors.push_back({static_cast<float>(w) / stride, static_cast<float>(h) / stride});
  }
  return anchors;
}

TEST(AnchorMatching, EqualsASearchOfAllCells) {
  const models::DetectHead head = samples::anchor_head(4);
  size_t total = 0, doubled = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const std::vector<Target> targets = samples::random_targets(3, 4, 25, seed);
    for (size_t level = 0; level < 3; ++level) {
      const int64_t cells = kSide / head.strides[level];
      const std::vector<reference::Match> expected =
          reference::matches(targets, head.anchors[level], head.strides[level], cells, cells);
      const std::vector<AnchorMatch> found = match_anchors(targets, in_cells(head, level), {cells, cells}, 4);
      ASSERT_EQ(found.size(), expected.size());
      for (size_t i = 0; i < found.size(); ++i) {
        const auto& [shift, a, t, r, c] = expected[i];
        const AnchorMatch& m = found[i];
        EXPECT_EQ(m.anchor, static_cast<int64_t>(a));
        EXPECT_EQ(m.image, targets[t].image);
        EXPECT_EQ(m.label, targets[t].label);
        EXPECT_EQ(m.row, r);
        EXPECT_EQ(m.column, c);
        EXPECT_NEAR(m.x + static_cast<float>(m.column), targets[t].cx * static_cast<float>(cells), 1e-5);
        EXPECT_NEAR(m.y + static_cast<float>(m.row), targets[t].cy * static_cast<float>(cells), 1e-5);
        bool last = true;
        for (size_t k = i + 1; k < found.size(); ++k) {
          last = last && !(found[k].image == m.image && found[k].anchor == m.anchor && found[k].row == m.row &&
                           found[k].column == m.column);
        }
        EXPECT_EQ(m.last, last);
        doubled += !last;
      }
      total += found.size();
    }
  }
  EXPECT_GT(total, 1000u);
  EXPECT_GT(doubled, 10u);  // the rule for several targets on one cell was met
}

TEST(AnchorMatching, KeepsToTheGrid) {
  const std::vector<std::array<float, 2>> anchors{{2, 2}};
  const auto matched = [&](float cx, float cy, float width, float height) {
    return match_anchors(std::vector<Target>{{0, 0, cx, cy, width, height}}, anchors, {8, 8}, 4);
  };
  // A centre on a line between cells counts its own cell again, as the original does.
  for (const AnchorMatch& m : matched(0, 0, 0.25f, 0.25f)) {
    EXPECT_EQ(m.row, 0);
    EXPECT_EQ(m.column, 0);
  }
  for (const AnchorMatch& m : matched(1, 1, 0.25f, 0.25f)) {
    EXPECT_EQ(m.row, 7);
    EXPECT_EQ(m.column, 7);
  }
  EXPECT_EQ(matched(0.5625f, 0.5625f, 0.25f, 0.25f).size(), 1u);  // the middle of a cell is nearer to no neighbour
  const std::vector<AnchorMatch> three = matched(0.53f, 0.59f, 0.25f, 0.25f);
  ASSERT_EQ(three.size(), 3u);
  EXPECT_EQ(three[1].column, 3);
  EXPECT_EQ(three[2].row, 5);
  EXPECT_EQ(matched(0.53f, 0.59f, 0.99f, 0.25f).size(), 3u);  // 3.96 times the anchor
  EXPECT_TRUE(matched(0.53f, 0.59f, 1.0f, 0.25f).empty());    // 4 times
  EXPECT_TRUE(matched(0.53f, 0.59f, 0.25f, 0.0624f).empty());
  EXPECT_TRUE(matched(0.53f, 0.59f, 0, 0.25f).empty());
  EXPECT_TRUE(matched(0.53f, 0.59f, -0.25f, 0.25f).empty());
}

TEST(Yolov5Loss, EqualsPlainLoops) {
  for (const double smoothing : {0.0, 0.1}) {
    const models::DetectHead head = samples::anchor_head(5);
    LossGains gains = default_gains(head);
    gains.label_smoothing = smoothing;
    const std::vector<Target> targets = samples::random_targets(3, 5, 20, 4);
    const std::vector<Tensor> outputs = samples::random_outputs(head, 3, 8);
    const DetectLoss loss = (*make_criterion(head, gains))(outputs, samples::rows_of(targets));
    loss.total.backward();

    reference::Constants constants;
    const reference::Parts parts = reference::yolov5(head, gains, outputs, targets, constants);
    // Measured 1e-8: positions and anchors are float32.
    EXPECT_NEAR(loss.box.item<double>(), parts.box, 1e-6 * parts.box);
    EXPECT_NEAR(loss.obj.item<double>(), parts.obj, 1e-6 * parts.obj);
    EXPECT_NEAR(loss.cls.item<double>(), parts.cls, 1e-6 * parts.cls);
    EXPECT_EQ(loss.dfl.item<double>(), 0);
    EXPECT_NEAR(loss.total.item<double>(), parts.total(3), 1e-6 * parts.total(3));
    samples::expect_gradients(outputs, [&](const std::vector<Tensor>& at) {
      constants.replay();
      return reference::yolov5(head, gains, at, targets, constants).total(3);
    });
  }
}

/// Raw values that predict each target exactly at every match.
TEST(Yolov5Loss, PerfectPredictionsCostNothing) {
  const models::DetectHead head = samples::anchor_head(3);
  const std::vector<Target> targets{{0, 0, 0.41f, 0.33f, 0.2f, 0.15f}, {1, 2, 0.7f, 0.62f, 0.5f, 0.6f}};
  std::vector<Tensor> outputs;
  const auto logit = [](double p) { return std::log(p / (1 - p)); };
  for (size_t level = 0; level < 3; ++level) {
    const int64_t cells = kSide / head.strides[level];
    Tensor out = torch::full({2, 3 * 8, cells, cells}, -20.0, torch::kDouble);
    const auto anchors = in_cells(head, level);
    for (const AnchorMatch& m : match_anchors(targets, anchors, {cells, cells}, 4)) {
      const auto& anchor = anchors[static_cast<size_t>(m.anchor)];
      const double values[] = {logit((m.x + 0.5) / 2), logit((m.y + 0.5) / 2),
                               logit(std::sqrt(m.width / anchor[0]) / 2), logit(std::sqrt(m.height / anchor[1]) / 2),
                               20};
      for (int64_t k = 0; k < 5; ++k) out[m.image][m.anchor * 8 + k][m.row][m.column] = values[k];
      out[m.image][m.anchor * 8 + 5 + m.label][m.row][m.column] = 20.0;
    }
    outputs.push_back(out);
  }
  const DetectLoss loss = (*make_criterion(head, default_gains(head)))(outputs, samples::rows_of(targets));
  EXPECT_LT(loss.box.item<double>(), 1e-6);
  EXPECT_LT(loss.obj.item<double>(), 1e-6);
  EXPECT_LT(loss.cls.item<double>(), 1e-6);
}

}  // namespace
}  // namespace quench::train
