#include <gtest/gtest.h>

#include <cmath>

#include "train/losses/complete_iou.h"
#include "train/losses/yolov8_loss.h"
#include "train/matching/task_aligned.h"
#include "train_detect_reference.h"
#include "train_detect_samples.h"

namespace quench::train {
namespace {

using samples::kSide;
using torch::Tensor;

std::vector<Box> random_boxes(int count, uint64_t seed, double smallest) {
  Rng rng(seed, "boxes");
  std::vector<Box> boxes;
  for (int i = 0; i < count; ++i) {
    const double x = rng.uniform(0, 60), y = rng.uniform(0, 60);
    boxes.push_back({x, y, x + smallest + rng.uniform(0, 40), y + smallest + rng.uniform(0, 40)});
  }
  return boxes;
}

Tensor tensor_of(const std::vector<Box>& boxes) {
  const Tensor rows = torch::empty({static_cast<int64_t>(boxes.size()), 4}, torch::kDouble);
  for (size_t i = 0; i < boxes.size(); ++i) {
    const double corners[] = {boxes[i].x1, boxes[i].y1, boxes[i].x2, boxes[i].y2};
    std::copy(std::begin(corners), std::end(corners), rows.data_ptr<double>() + 4 * i);
  }
  return rows;
}

TEST(CompleteIou, EqualsItsFormula) {
  const std::vector<Box> a = random_boxes(200, 1, 0.5), b = random_boxes(200, 2, 0.5);
  const Tensor first = tensor_of(a).set_requires_grad(true), second = tensor_of(b);
  const Tensor iou = complete_iou(first, second);
  iou.sum().backward();
  std::vector<double> alphas;
  for (size_t i = 0; i < a.size(); ++i) {
    const reference::Ciou expected = reference::ciou(a[i], b[i]);
    EXPECT_NEAR(iou[static_cast<int64_t>(i)].item<double>(), expected.value, 1e-12);
    alphas.push_back(expected.alpha);
  }
  samples::expect_gradients({first}, [&](const std::vector<Tensor>& at) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      const double* v = at[0].data_ptr<double>() + 4 * i;
      sum += reference::ciou({v[0], v[1], v[2], v[3]}, b[i], alphas[i]).value;
    }
    return sum;
  });
}

TEST(CompleteIou, Laws) {
  const Tensor a = tensor_of(random_boxes(100, 3, 1)), b = tensor_of(random_boxes(100, 4, 1));
  const Tensor iou = complete_iou(a, b);
  EXPECT_LT((complete_iou(a, a) - 1).abs().max().item<double>(), 1e-6);
  EXPECT_LT((complete_iou(b, a) - iou).abs().max().item<double>(), 1e-9);
  EXPECT_LT((complete_iou(a * 7 + 3, b * 7 + 3) - iou).abs().max().item<double>(), 1e-6);
  EXPECT_LT(iou.max().item<double>(), 1);
  EXPECT_GT(iou.min().item<double>(), -2);
  const Tensor empty = torch::zeros({1, 4}, torch::kDouble).set_requires_grad(true);
  const Tensor value = complete_iou(empty, b.slice(0, 0, 1));
  value.sum().backward();
  EXPECT_TRUE(torch::isfinite(value).all().item<bool>());
  EXPECT_TRUE(torch::isfinite(empty.grad()).all().item<bool>());
}

/// The rows of an Assignment, sorted.
std::vector<reference::Given> rows_of(const Assignment& assignment) {
  std::vector<reference::Given> rows;
  for (int64_t i = 0; i < assignment.image.size(0); ++i) {
    rows.push_back({assignment.image[i].item<int64_t>(), assignment.cell[i].item<int64_t>(),
                    assignment.target[i].item<int64_t>(), assignment.score[i].item<double>()});
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

TEST(TaskAligned, EqualsPlainLoops) {
  constexpr int64_t kImages = 3, kCells = 120, kClasses = 4;
  size_t given = 0, disputed = 0;
  for (int seed = 0; seed < 15; ++seed) {
    torch::manual_seed(seed);
    const Tensor points = torch::rand({kCells, 2}, torch::kDouble) * 100;
    const Tensor logits = torch::randn({kImages, kCells, kClasses}, torch::kDouble);
    const Tensor reach = torch::rand({kImages, kCells, 4}, torch::kDouble) * 30 + 1;
    const Tensor boxes = torch::cat({points - reach.slice(2, 0, 2), points + reach.slice(2, 2, 4)}, 2);
    std::vector<reference::Labelled> targets;
    Rng rng(static_cast<uint64_t>(seed), "aligned");
    for (const Box& box : random_boxes(seed, static_cast<uint64_t>(seed), seed % 3 == 0 ? 0.1 : 15)) {
      targets.push_back({static_cast<int64_t>(rng.below(kImages)), static_cast<int64_t>(rng.below(kClasses)), box});
    }
    std::vector<Box> corners;
    std::vector<int64_t> image, label;
    for (const auto& t : targets) {
      corners.push_back(t.box);
      image.push_back(t.image);
      label.push_back(t.label);
    }
    const AlignedTargets aligned{torch::tensor(image, torch::kLong), torch::tensor(label, torch::kLong),
                                 tensor_of(corners)};
    for (const int64_t top_k : {1, 10, 500}) {
      AlignmentOptions options;
      options.top_k = top_k;
      const std::vector<reference::Given> found = rows_of(assign_task_aligned(logits, boxes, points, aligned, options));
      const std::vector<reference::Given> expected =
          reference::assign(logits, boxes, points, targets, static_cast<size_t>(top_k));
      ASSERT_EQ(found.size(), expected.size()) << "seed " << seed << ", top_k " << top_k;
      for (size_t i = 0; i < found.size(); ++i) {
        EXPECT_EQ(found[i].image, expected[i].image);
        EXPECT_EQ(found[i].cell, expected[i].cell);
        EXPECT_EQ(found[i].target, expected[i].target);
        EXPECT_NEAR(found[i].score, expected[i].score, 1e-9);
      }
      given += found.size();
      size_t alone = 0;
      for (const reference::Labelled& target : targets) {
        alone += reference::assign(logits, boxes, points, {target}, static_cast<size_t>(top_k)).size();
      }
      disputed += alone > found.size();
    }
  }
  EXPECT_GT(given, 1000u);
  EXPECT_GT(disputed, 5u);  // cells that several targets took were met
}

TEST(TaskAligned, GivesACellToTheClosestTarget) {
  // One cell in two boxes: the first has the better class score, the second the better overlap.
  const Tensor points = torch::tensor({{10.0, 10.0}, {40.0, 40.0}}, torch::kDouble);
  const Tensor boxes = torch::tensor({{{0.0, 0.0, 20.0, 20.0}, {30.0, 30.0, 50.0, 50.0}}}, torch::kDouble);
  const Tensor logits = torch::tensor({{{9.0, -9.0}, {0.0, 0.0}}}, torch::kDouble);
  const AlignedTargets targets{torch::zeros({2}, torch::kLong), torch::tensor({0, 1}, torch::kLong),
                               torch::tensor({{0.0, 0.0, 18.0, 18.0}, {0.0, 0.0, 20.0, 20.0}}, torch::kDouble)};
  const Assignment given = assign_task_aligned(logits, boxes, points, targets);
  ASSERT_EQ(given.cell.size(0), 1);
  EXPECT_EQ(given.cell[0].item<int64_t>(), 0);
  EXPECT_EQ(given.target[0].item<int64_t>(), 1);
  // t / max t = 1 but for the 1e-9 beside a metric of 0.011; max u = 1.
  EXPECT_NEAR(given.score[0].item<double>(), 1, 1e-6);
}

TEST(Yolov8Loss, EqualsPlainLoops) {
  for (const int64_t classes : {1, 5}) {
    const models::DetectHead head = samples::anchor_free_head(classes, 9);
    const LossGains gains = default_gains(head);
    const std::vector<Target> targets = samples::random_targets(2, classes, 12, 4);
    const std::vector<Tensor> outputs = samples::random_outputs(head, 2, 9);
    const DetectLoss loss = (*make_criterion(head, gains))(outputs, samples::rows_of(targets));
    loss.total.backward();

    const std::vector<reference::Given> given = reference::assign(head, outputs, targets);
    EXPECT_GT(given.size(), 40u);
    reference::Constants constants;
    const reference::Parts parts = reference::yolov8(head, gains, outputs, targets, given, constants);
    // Measured 1e-7: positions are float32.
    EXPECT_NEAR(loss.box.item<double>(), parts.box, 1e-5 * parts.box);
    EXPECT_NEAR(loss.cls.item<double>(), parts.cls, 1e-5 * parts.cls);
    EXPECT_NEAR(loss.dfl.item<double>(), parts.dfl, 1e-5 * parts.dfl);
    EXPECT_EQ(loss.obj.item<double>(), 0);
    EXPECT_NEAR(loss.total.item<double>(), parts.total(2), 1e-5 * parts.total(2));
    samples::expect_gradients(outputs, [&](const std::vector<Tensor>& at) {
      constants.replay();
      return reference::yolov8(head, gains, at, targets, given, constants).total(2);
    });
  }
}

/// Distributions whose expectation is the target's side, on the two bins beside it; ten cells that are sure of the
/// class.
TEST(Yolov8Loss, PerfectPredictionsCostNothing) {
  const models::DetectHead head = samples::anchor_free_head(3);
  const Target target{0, 1, 0.4f, 0.55f, 0.3f, 0.25f};
  const double side = static_cast<double>(kSide);
  const Box box{(target.cx - target.width / 2) * side, (target.cy - target.height / 2) * side,
                (target.cx + target.width / 2) * side, (target.cy + target.height / 2) * side};
  std::vector<Tensor> outputs;
  int sure = 0;
  for (const int64_t stride : head.strides) {
    const int64_t cells = kSide / stride;
    Tensor sides = torch::full({1, 64, cells, cells}, -30.0, torch::kDouble);
    Tensor logits = torch::full({1, 3, cells, cells}, -30.0, torch::kDouble);
    for (int64_t r = 0; r < cells; ++r) {
      for (int64_t c = 0; c < cells; ++c) {
        const double x = (c + 0.5) * stride, y = (r + 0.5) * stride;
        if (!(x > box.x1 && x < box.x2 && y > box.y1 && y < box.y2)) continue;
        const double reach[] = {x - box.x1, y - box.y1, box.x2 - x, box.y2 - y};
        for (int64_t k = 0; k < 4; ++k) {
          const double length = reach[k] / stride;
          const auto left = static_cast<int64_t>(length);
          sides[0][k * 16 + left][r][c] = std::log(left + 1 - length);
          sides[0][k * 16 + left + 1][r][c] = std::log(length - left);
        }
        if (stride == 8 && sure++ < 10) logits[0][1][r][c] = 30.0;
      }
    }
    outputs.insert(outputs.end(), {sides, logits});
  }
  const DetectLoss loss = (*make_criterion(head, default_gains(head)))(outputs, samples::rows_of({target}));
  EXPECT_LT(loss.box.item<double>(), 1e-4);  // sides are float32 of 128 pixels
  EXPECT_LT(loss.cls.item<double>(), 1e-4);
  EXPECT_GT(loss.dfl.item<double>(), 0);  // the entropy of the two bins
  EXPECT_LT(loss.dfl.item<double>(), 1.5 * std::log(2.0));
}

}  // namespace
}  // namespace quench::train
