#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "train/losses/detect_loss.h"
#include "train/matching/detect_targets.h"
#include "train_detect_samples.h"

namespace quench::train {
namespace {

using torch::Tensor;

struct Case {
  const char* name;
  bool anchors;
};

models::DetectHead head_of(const Case& c, int64_t classes) {
  return c.anchors ? samples::anchor_head(classes) : samples::anchor_free_head(classes);
}

DetectLoss loss_of(const models::DetectHead& head, const std::vector<Tensor>& outputs, const Tensor& targets) {
  return (*make_criterion(head, default_gains(head)))(outputs, targets);
}

void expect_same(const DetectLoss& a, const DetectLoss& b, double relative) {
  const auto near = [&](const Tensor& x, const Tensor& y, const char* part) {
    EXPECT_NEAR(x.item<double>(), y.item<double>(), relative * std::abs(y.item<double>())) << part;
  };
  near(a.total, b.total, "total");
  near(a.box, b.box, "box");
  near(a.obj, b.obj, "obj");
  near(a.cls, b.cls, "cls");
  near(a.dfl, b.dfl, "dfl");
}

class DetectLossLaws : public testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(Heads, DetectLossLaws, testing::Values(Case{"yolov5", true}, Case{"yolov8", false}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(DetectLossLaws, TotalIsThePartsTimesTheBatch) {
  const models::DetectHead head = head_of(GetParam(), 4);
  const auto outputs = samples::random_outputs(head, 3, 1);
  const DetectLoss loss = loss_of(head, outputs, samples::rows_of(samples::random_targets(3, 4, 9, 1)));
  EXPECT_DOUBLE_EQ(loss.total.item<double>(), 3 * (loss.box + loss.obj + loss.cls + loss.dfl).item<double>());
  EXPECT_TRUE(loss.total.requires_grad());
  for (const Tensor& part : {loss.box, loss.obj, loss.cls, loss.dfl}) {
    EXPECT_EQ(part.dim(), 0);
    EXPECT_FALSE(part.requires_grad());
  }
  EXPECT_GT(loss.box.item<double>(), 0);
  EXPECT_GT(loss.cls.item<double>(), 0);
  EXPECT_GT((GetParam().anchors ? loss.obj : loss.dfl).item<double>(), 0);
}

TEST_P(DetectLossLaws, ImagesMayComeInAnyOrder) {
  const models::DetectHead head = head_of(GetParam(), 4);
  const auto outputs = samples::random_outputs(head, 3, 2);
  std::vector<Target> targets = samples::random_targets(3, 4, 15, 2);
  const DetectLoss loss = loss_of(head, outputs, samples::rows_of(targets));
  loss.total.backward();
  const std::vector<int64_t> order{2, 0, 1};  // new image i is old order[i]
  std::vector<Tensor> moved;
  for (const Tensor& output : outputs) {
    moved.push_back(output.detach().index_select(0, torch::tensor(order)).set_requires_grad(true));
  }
  for (Target& t : targets) t.image = std::ranges::find(order, t.image) - order.begin();
  const DetectLoss other = loss_of(head, moved, samples::rows_of(targets));
  other.total.backward();
  expect_same(other, loss, 1e-12);
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Tensor expected = outputs[i].grad().index_select(0, torch::tensor(order));
    EXPECT_LT((moved[i].grad() - expected).abs().max().item<double>(), 1e-12);
  }
}

TEST_P(DetectLossLaws, TargetsMayComeInAnyOrder) {
  const models::DetectHead head = head_of(GetParam(), 4);
  const auto outputs = samples::random_outputs(head, 2, 3);
  // Far from each other: where YOLOv5 gives several targets one cell and anchor, the last counts, as in the original.
  std::vector<Target> targets;
  for (int i = 0; i < 9; ++i) {
    targets.push_back({i % 2, i % 4, 0.17f + 0.33f * static_cast<float>(i % 3),
                       0.18f + 0.32f * static_cast<float>(i / 3), 0.08f + 0.01f * static_cast<float>(i),
                       0.16f - 0.01f * static_cast<float>(i)});
  }
  const DetectLoss loss = loss_of(head, outputs, samples::rows_of(targets));
  std::ranges::reverse(targets);
  std::swap(targets[2], targets[5]);
  expect_same(loss_of(head, outputs, samples::rows_of(targets)), loss, 1e-12);
}

TEST_P(DetectLossLaws, WithoutTargetsItIsTheBackground) {
  const models::DetectHead head = head_of(GetParam(), 4);
  const auto outputs = samples::random_outputs(head, 2, 4);
  const DetectLoss loss = loss_of(head, outputs, torch::zeros({0, 6}));
  loss.total.backward();
  EXPECT_EQ(loss.box.item<double>(), 0);
  EXPECT_EQ(loss.dfl.item<double>(), 0);
  EXPECT_GT(loss.total.item<double>(), 0);
  double norm = 0;
  for (const Tensor& output : outputs) {
    ASSERT_TRUE(torch::isfinite(output.grad()).all().item<bool>());
    norm += output.grad().norm().item<double>();
  }
  EXPECT_GT(norm, 0);
  // Lower scores everywhere cost less.
  std::vector<Tensor> lower;
  for (const Tensor& output : outputs) lower.push_back(output.detach() - 5);
  EXPECT_LT(loss_of(head, lower, torch::zeros({0, 6})).total.item<double>(), 0.1 * loss.total.item<double>());
}

TEST_P(DetectLossLaws, TargetsAtTheEdge) {
  const models::DetectHead head = head_of(GetParam(), 4);
  for (const Target& target : std::vector<Target>{{0, 0, 0, 0, 0.1f, 0.1f},
                                                  {0, 1, 1, 1, 0.1f, 0.2f},
                                                  {1, 2, 0.5f, 0.5f, 1, 1},
                                                  {1, 3, 0.999f, 0.001f, 0.002f, 0.002f},
                                                  {0, 0, 0.5f, 0.5f, 0, 0}}) {
    const auto outputs = samples::random_outputs(head, 2, 5);
    const DetectLoss loss = loss_of(head, outputs, samples::rows_of({target}));
    loss.total.backward();
    EXPECT_TRUE(std::isfinite(loss.total.item<double>()));
    for (const Tensor& output : outputs) EXPECT_TRUE(torch::isfinite(output.grad()).all().item<bool>());
  }
}

TEST_P(DetectLossLaws, OneClass) {
  const models::DetectHead head = head_of(GetParam(), 1);
  const auto outputs = samples::random_outputs(head, 2, 6);
  const DetectLoss loss = loss_of(head, outputs, samples::rows_of(samples::random_targets(2, 1, 8, 6)));
  loss.total.backward();
  EXPECT_GT(loss.box.item<double>(), 0);
  // YOLOv5: the objectness says it all.
  EXPECT_EQ(loss.cls.item<double>() > 0, !GetParam().anchors);
}

TEST_P(DetectLossLaws, AnyMemoryFormatAndFloatType) {
  const models::DetectHead head = head_of(GetParam(), 4);
  const auto exact = samples::random_outputs(head, 2, 7);
  const Tensor targets = samples::rows_of(samples::random_targets(2, 4, 10, 7));
  const DetectLoss loss = loss_of(head, exact, targets);
  loss.total.backward();
  struct Kind {
    torch::ScalarType type;
    double tolerance;  // measured 1e-7 and 2e-4
  };
  for (const auto& [type, tolerance] : {Kind{torch::kFloat, 1e-5}, Kind{torch::kHalf, 5e-3}}) {
    for (const auto format : {torch::MemoryFormat::Contiguous, torch::MemoryFormat::ChannelsLast}) {
      std::vector<Tensor> outputs;
      for (const Tensor& output : exact) {
        outputs.push_back(output.detach().to(type).contiguous(format).set_requires_grad(true));
      }
      const DetectLoss other = loss_of(head, outputs, targets);
      EXPECT_EQ(other.total.scalar_type(), torch::kFloat);
      expect_same(other, loss, tolerance);
      other.total.backward();
      double difference = 0, whole = 0;
      for (size_t i = 0; i < outputs.size(); ++i) {
        EXPECT_EQ(outputs[i].grad().scalar_type(), type);
        difference += (outputs[i].grad().to(torch::kDouble) - exact[i].grad()).square().sum().item<double>();
        whole += exact[i].grad().square().sum().item<double>();
      }
      EXPECT_LT(std::sqrt(difference), 4 * tolerance * std::sqrt(whole));
    }
  }
}

TEST_P(DetectLossLaws, WrongInputIsAnError) {
  const models::DetectHead head = head_of(GetParam(), 4);
  const auto outputs = samples::random_outputs(head, 2, 8);
  const auto expect_data_error = [&](const std::vector<Tensor>& out, const Tensor& targets, const char* part) {
    try {
      loss_of(head, out, targets);
      ADD_FAILURE() << "expected an Error: " << part;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data) << error.what();
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  };
  const Tensor none = torch::zeros({0, 6});
  expect_data_error({outputs.begin(), outputs.end() - 1}, none, "outputs");
  auto changed = outputs;
  changed[1] = changed[1].slice(1, 1);
  expect_data_error(changed, none, "channels");
  changed = outputs;
  changed.back() = changed.back().slice(0, 1);
  expect_data_error(changed, none, "one batch");
  changed = outputs;
  changed.back() = changed.back().to(torch::kFloat);
  expect_data_error(changed, none, "one batch");
  const auto row = [](float image, float label, float width) {
    return torch::tensor({{image, label, 0.5f, 0.5f, width, 0.2f}});
  };
  expect_data_error(outputs, row(2, 0, 0.1f), "image in 0..1");
  expect_data_error(outputs, row(-1, 0, 0.1f), "image in 0..1");
  expect_data_error(outputs, row(0, 4, 0.1f), "class in 0..3");
  expect_data_error(outputs, row(0, std::nanf(""), 0.1f), "class in 0..3");
  expect_data_error(outputs, row(0, 0, std::nanf("")), "box");
  expect_data_error(outputs, row(0, 0, std::numeric_limits<float>::infinity()), "box");

  LossGains gains = default_gains(head);
  gains.box = -1;
  EXPECT_THROW(make_criterion(head, gains), Error);
  gains = default_gains(head);
  gains.label_smoothing = 1;
  EXPECT_THROW(make_criterion(head, gains), Error);
}

TEST_P(DetectLossLaws, GainsWeighTheParts) {
  const models::DetectHead head = head_of(GetParam(), 4);
  const auto outputs = samples::random_outputs(head, 2, 9);
  const Tensor targets = samples::rows_of(samples::random_targets(2, 4, 10, 9));
  const DetectLoss loss = loss_of(head, outputs, targets);
  LossGains gains = default_gains(head);
  gains.box *= 2;
  gains.cls *= 3;
  gains.obj *= 5;
  gains.dfl *= 7;
  const DetectLoss other = (*make_criterion(head, gains))(outputs, targets);
  EXPECT_NEAR(other.box.item<double>(), 2 * loss.box.item<double>(), 1e-12);
  EXPECT_NEAR(other.cls.item<double>(), 3 * loss.cls.item<double>(), 1e-12);
  EXPECT_NEAR(other.obj.item<double>(), 5 * loss.obj.item<double>(), 1e-12);
  EXPECT_NEAR(other.dfl.item<double>(), 7 * loss.dfl.item<double>(), 1e-12);
}

TEST_P(DetectLossLaws, RepeatsBitByBit) {
  const models::DetectHead head = head_of(GetParam(), 4);
  const auto outputs = samples::random_outputs(head, 3, 10, torch::kFloat);
  const Tensor targets = samples::rows_of(samples::random_targets(3, 4, 40, 10));
  const auto first = samples::copies(outputs), second = samples::copies(outputs);
  const DetectLoss a = loss_of(head, first, targets), b = loss_of(head, second, targets);
  a.total.backward();
  b.total.backward();
  EXPECT_EQ(a.total.item<float>(), b.total.item<float>());
  for (size_t i = 0; i < outputs.size(); ++i) EXPECT_TRUE(torch::equal(first[i].grad(), second[i].grad()));
}

TEST(DetectTargets, AreFractionsOfTheCanvas) {
  data::Batch batch;
  batch.images = quench::Tensor(DType::u8, {3, 100, 200, 3});
  batch.objects = {{{{20, 10, 60, 40}, 5, false, 1200}, {{0, 0, 200, 100}, 6, true, 20000}},
                   {},
                   {{{0, 0, 200, 100}, 7, false, 20000}}};
  const Tensor targets = detect_targets(batch);
  const Tensor expected = torch::tensor({{0.0f, 5.0f, 0.2f, 0.25f, 0.2f, 0.3f}, {2.0f, 7.0f, 0.5f, 0.5f, 1.0f, 1.0f}});
  EXPECT_TRUE(torch::equal(targets, expected));
  EXPECT_EQ(targets.scalar_type(), torch::kFloat);
  const std::vector<Target> read = read_targets(targets, 3, 80);
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[1].image, 2);
  EXPECT_EQ(read[1].label, 7);
  EXPECT_EQ(read[0].height, 0.3f);

  batch.objects.assign(3, {});
  EXPECT_EQ(detect_targets(batch).sizes(), (std::vector<int64_t>{0, 6}));
  batch.objects.clear();
  EXPECT_THROW(detect_targets(batch), Error);
}

}  // namespace
}  // namespace quench::train
