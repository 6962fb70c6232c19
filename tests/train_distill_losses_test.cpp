// What distillation is made of: values by hand and by plain loops, gradients by finite differences and to the student
// alone, nothing where both are equal.
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "models/spec.h"
#include "train/distill/detect_outputs.h"
#include "train/distill/feature_maps.h"
#include "train/distill/softened.h"
#include "train_detect_reference.h"
#include "train_detect_samples.h"

namespace quench::train {
namespace {

using torch::Tensor;

double value_of(const Tensor& scalar) { return scalar.item<double>(); }

TEST(DistillLosses, SoftenedScoresByHand) {
  // T = 2: p = softmax(1, 0) with log-odds 1, q with log-odds -0.5. 4 (p log(p / q) + ...)
  const Tensor student = torch::tensor({{0.0, 1.0}}, torch::kDouble),
               teacher = torch::tensor({{2.0, 0.0}}, torch::kDouble);
  const double p = reference::sigmoid(1), q = reference::sigmoid(-0.5);
  const double expected = 4 * (p * std::log(p / q) + (1 - p) * std::log((1 - p) / (1 - q)));
  EXPECT_NEAR(value_of(softened_divergence(student, teacher, 2).sum()), expected, 1e-12);
  EXPECT_NEAR(expected, 1.0296, 1e-4) << "by pocket calculator";
  EXPECT_NEAR(
      value_of(binary_divergence(torch::tensor({-1.0}, torch::kDouble), torch::tensor({2.0}, torch::kDouble), 2).sum()),
      expected, 1e-12);
}

TEST(DistillLosses, GradientIsTheDifferenceOfTheDistributions) {
  torch::manual_seed(1);
  for (const double temperature : {1.0, 3.0}) {
    const Tensor student = torch::randn({6, 5}, torch::kDouble).set_requires_grad(true);
    const Tensor teacher = torch::randn({6, 5}, torch::kDouble).set_requires_grad(true);
    softened_divergence(student, teacher, temperature).sum().backward();
    const Tensor p = (teacher.detach() / temperature).softmax(-1), q = (student.detach() / temperature).softmax(-1);
    EXPECT_LT(value_of((student.grad() - (q - p) * temperature).abs().max()), 1e-12);  // Hinton et al. 2015, equation 2
    EXPECT_FALSE(teacher.grad().defined()) << "the teacher does not learn";
  }
}

TEST(DistillLosses, ChannelsBecomeDistributionsOverPlaces) {
  torch::manual_seed(2);
  const Tensor student = torch::randn({2, 3, 4, 5}, torch::kDouble).set_requires_grad(true);
  const Tensor teacher = torch::randn({2, 3, 4, 5}, torch::kDouble);
  const auto plain = [&](const std::vector<Tensor>& at) {
    double sum = 0;
    for (int64_t n = 0; n < 2; ++n) {
      for (int64_t c = 0; c < 3; ++c) {
        const double* s = at[0].data_ptr<double>() + (n * 3 + c) * 20;
        const double* t = teacher.data_ptr<double>() + (n * 3 + c) * 20;
        double all_s = 0, all_t = 0;
        for (int i = 0; i < 20; ++i) all_s += std::exp(s[i] / 2), all_t += std::exp(t[i] / 2);
        for (int i = 0; i < 20; ++i) {
          const double p = std::exp(t[i] / 2) / all_t;
          sum += 4 * p * std::log(p / (std::exp(s[i] / 2) / all_s)) / 6;
        }
      }
    }
    return sum;
  };
  const Tensor loss = channel_divergence(student, teacher, 2);
  loss.backward();
  EXPECT_NEAR(value_of(loss), plain({student.detach()}), 1e-12);
  samples::expect_gradients({student}, plain);
  // Only where a channel is active counts, not how much: a constant added to a channel changes nothing.
  EXPECT_NEAR(value_of(channel_divergence(student + 7, teacher, 2)), value_of(loss), 1e-12);
}

/// The definition of detect_outputs.h for a head without anchors, in loops.
double plain_anchor_free(const models::DetectHead& head, const LossGains& gains, double temperature,
                         const std::vector<Tensor>& student, const std::vector<Tensor>& teacher) {
  double cls = 0, box = 0, confidence = 0;
  for (size_t level = 0; level < head.strides.size(); ++level) {
    const Tensor s_cls = student[2 * level + 1].detach(), t_cls = teacher[2 * level + 1].detach();
    const Tensor s_box = student[2 * level].detach(), t_box = teacher[2 * level].detach();
    const int64_t images = s_cls.size(0), side = s_cls.size(2);
    for (int64_t n = 0; n < images; ++n) {
      for (int64_t y = 0; y < side; ++y) {
        for (int64_t x = 0; x < side; ++x) {
          const auto at = [&](const Tensor& t, int64_t c) {
            return t.data_ptr<double>()[((n * t.size(1) + c) * side + y) * side + x];
          };
          double weight = 0;
          for (int64_t c = 0; c < head.class_count(); ++c) {
            const double p = reference::sigmoid(at(t_cls, c) / temperature);
            const double s = at(s_cls, c) / temperature;
            cls += temperature * temperature *
                   (reference::cross_entropy(s, p) - reference::cross_entropy(at(t_cls, c) / temperature, p));
            weight = std::max(weight, reference::sigmoid(at(t_cls, c)));
          }
          confidence += weight;
          for (int64_t side_of_box = 0; side_of_box < 4; ++side_of_box) {
            double all_s = 0, all_t = 0, sum = 0;
            for (int64_t b = 0; b < head.reg_max; ++b) {
              all_s += std::exp(at(s_box, side_of_box * head.reg_max + b) / temperature);
              all_t += std::exp(at(t_box, side_of_box * head.reg_max + b) / temperature);
            }
            for (int64_t b = 0; b < head.reg_max; ++b) {
              const double p = std::exp(at(t_box, side_of_box * head.reg_max + b) / temperature) / all_t;
              sum += p * std::log(p / (std::exp(at(s_box, side_of_box * head.reg_max + b) / temperature) / all_s));
            }
            box += weight * temperature * temperature * sum / 4;
          }
        }
      }
    }
  }
  return (gains.cls * cls + gains.dfl * box) / std::max(1.0, confidence);
}

/// The same for a head with anchors.
double plain_anchors(const models::DetectHead& head, const LossGains& gains, double temperature,
                     const std::vector<Tensor>& student, const std::vector<Tensor>& teacher) {
  const double balance[] = {4, 1, 0.4};
  const int64_t fields = 5 + head.class_count();
  double total = 0;
  for (size_t level = 0; level < head.strides.size(); ++level) {
    const Tensor s_all = student[level].detach(), t_all = teacher[level].detach();
    const int64_t images = s_all.size(0), side = s_all.size(2), anchors = s_all.size(1) / fields;
    double obj = 0, cls = 0, box = 0, weights = 0;
    const auto divergence = [&](double s, double t) {
      const double p = reference::sigmoid(t / temperature);
      return temperature * temperature *
             (reference::cross_entropy(s / temperature, p) - reference::cross_entropy(t / temperature, p));
    };
    for (int64_t i = 0; i < images * anchors * side * side; ++i) {
      const int64_t place = i % (side * side), anchor = i / (side * side) % anchors, n = i / (side * side * anchors);
      const auto at = [&](const Tensor& t, int64_t k) {
        return t.data_ptr<double>()[(n * t.size(1) + anchor * fields + k) * side * side + place];
      };
      const double weight = reference::sigmoid(at(t_all, 4));
      weights += weight;
      obj += divergence(at(s_all, 4), at(t_all, 4));
      for (int64_t k = 0; k < 4; ++k) {
        const double s = 2 * reference::sigmoid(at(s_all, k)), t = 2 * reference::sigmoid(at(t_all, k));
        const double difference = k < 2 ? s - t : s * s - t * t;
        box += weight * difference * difference / 4;
      }
      for (int64_t k = 5; k < fields; ++k) {
        cls += weight * divergence(at(s_all, k), at(t_all, k)) / static_cast<double>(head.class_count());
      }
    }
    const double pixels = static_cast<double>(samples::kSide * samples::kSide) / (640.0 * 640.0);
    total += obj / static_cast<double>(images * anchors * side * side) * balance[level] * gains.obj * pixels;
    total += box / std::max(1.0, weights) * gains.box;
    total += cls / std::max(1.0, weights) * gains.cls * static_cast<double>(head.class_count()) / 80;
  }
  return total;
}

TEST(DistillLosses, DetectorsOutputsAsDefined) {
  for (const bool anchors : {false, true}) {
    const models::DetectHead head = anchors ? samples::anchor_head(5) : samples::anchor_free_head(5, 8);
    const LossGains gains = default_gains(head);
    const auto student = samples::random_outputs(head, 2, 3), teacher = samples::random_outputs(head, 2, 4);
    const auto plain = anchors ? plain_anchors : plain_anchor_free;
    const Tensor loss = detect_outputs_loss(head, gains, 1.5, student, teacher);
    EXPECT_NEAR(value_of(loss), plain(head, gains, 1.5, student, teacher), 1e-9) << anchors;
    loss.backward();
    for (const Tensor& output : teacher) EXPECT_FALSE(output.grad().defined());
    samples::expect_gradients(student,
                              [&](const std::vector<Tensor>& at) { return plain(head, gains, 1.5, at, teacher); });
  }
}

TEST(DistillLosses, NothingWhereBothAreEqual) {
  for (const bool anchors : {false, true}) {
    const models::DetectHead head = anchors ? samples::anchor_head(5) : samples::anchor_free_head(5);
    const auto student = samples::random_outputs(head, 2, 3);
    const Tensor loss = detect_outputs_loss(head, default_gains(head), 2, student, student);
    loss.backward();
    EXPECT_EQ(value_of(loss), 0);
    for (const Tensor& output : student) EXPECT_LT(value_of(output.grad().abs().max()), 1e-15);
  }
  const Tensor map = torch::randn({2, 3, 4, 4}, torch::kDouble).set_requires_grad(true);
  const Tensor loss = channel_divergence(map, map, 1);
  loss.backward();
  EXPECT_EQ(value_of(loss), 0);
  EXPECT_LT(value_of(map.grad().abs().max()), 1e-15);
}

TEST(DistillMaps, AreWhatTheHeadReads) {
  const auto shapes = [](const graph::Graph& graph, const std::vector<graph::EdgeId>& maps) {
    std::vector<Shape> out;
    for (const graph::EdgeId map : maps) out.push_back(graph.edge(map).shape);
    return out;
  };
  const graph::Graph v5 = models::build("yolov5n", {.classes = {"a", "b"}, .imgsz = 64});
  EXPECT_EQ(shapes(v5, level_feature_maps(v5, 1)),
            (std::vector<Shape>{{1, 64, 8, 8}, {1, 128, 4, 4}, {1, 256, 2, 2}}));  // C3 of rows 17, 20, 23
  const graph::Graph v8 = models::build("yolov8n", {.classes = {"a", "b"}, .imgsz = 64});
  EXPECT_EQ(shapes(v8, level_feature_maps(v8, 2)),
            (std::vector<Shape>{{1, 64, 8, 8}, {1, 128, 4, 4}, {1, 256, 2, 2}}));  // C2f of rows 15, 18, 21
  const graph::Graph cls = models::build("yolov5n-cls", {.classes = {"a", "b"}, .imgsz = 64});
  EXPECT_EQ(cls.edge(last_feature_map(cls)).shape, (Shape{1, 1280, 2, 2}));
  const graph::Graph small = models::build("yolov5n-cls", {.classes = {"a", "b"}, .imgsz = 32});
  EXPECT_THROW(last_feature_map(small), Error) << "one place has no distribution over places";
}

}  // namespace
}  // namespace quench::train
