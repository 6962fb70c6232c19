// What criteria of images see of a model: gradients against differences of the loss, values against the torch runtime.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "config/tables.h"
#include "data/loading/loader.h"
#include "error_testing.h"
#include "nn/torch_runtime.h"
#include "prune/image_scores.h"
#include "prune/prune.h"
#include "prune_testing.h"
#include "steps/show_images.h"
#include "steps/step.h"
#include "train_samples.h"

namespace quench::steps {
namespace {

using graph::Graph;
using prune::ChannelGroup;
using prune::MemberScores;

constexpr int64_t kImages = 24;

Json settings_of(const Json& given) {
  Json settings = given;
  settings.emplace("calibration_images", kImages);
  return config::prune_options().checked(settings, "t");
}

class ShowImages : public testing::Test {
 protected:
  ShowImages() : data_(train::samples::tiny_shapes(24, 100, 10)), graph_(train::samples::tiny_classifier(24, 10)) {
    prune::shake_batch_norms(graph_, 4);
  }
  MemberScores scores(const std::string& criterion, const std::vector<ChannelGroup>& groups, const Json& given = {}) {
    const Json settings = settings_of(given.is_null() ? Json::object() : given);
    const auto seen = prune::image_scores(criterion, graph_, groups, settings["calibration_batch"].get<int64_t>());
    LogSink log;
    log.message = [this](LogLevel level, std::string_view text) {
      if (level == LogLevel::warning) warnings_.emplace_back(text);
    };
    warnings_.clear();
    told_ = show_images(*seen, graph_, data_, settings, log, cancel_);
    return seen->scores();
  }
  /// Calibration images as runtimes take them, and their labels.
  data::Batch images() const {
    data::LoaderOptions loading;
    loading.imgsz = 24;
    loading.batch = kImages;
    loading.subset = data::calibration_subset(*data_.train, kImages, 0).indices;
    data::Loader loader(data_.train, loading);
    loader.start(0);
    return std::move(*loader.next());
  }
  static std::vector<Tensor> outputs(const Graph& graph, const data::Batch& batch) {
    const auto session = nn::torch_runtime()->load({"t", "", "", graph}, {});
    const Tensor pixels = data::to_planar(batch.images);
    Tensor input(DType::f32, pixels.shape());
    std::ranges::transform(pixels.values<uint8_t>(), input.mutable_values<float>().begin(),
                           [](uint8_t x) { return static_cast<float>(x) / 255; });
    return session->run(input);
  }
  /// Mean cross entropy with labels smoothed by 0.1, by definition.
  static double loss(const Graph& graph, const data::Batch& batch) {
    const Tensor logits = outputs(graph, batch).at(0);
    const auto values = logits.values<float>();
    const auto classes = static_cast<size_t>(logits.shape()[1]);
    double sum = 0;
    for (size_t i = 0; i < batch.labels.size(); ++i) {
      double total = 0;
      for (size_t c = 0; c < classes; ++c) total += std::exp(static_cast<double>(values[i * classes + c]));
      for (size_t c = 0; c < classes; ++c) {
        const double wanted =
            0.1 / static_cast<double>(classes) + (static_cast<int32_t>(c) == batch.labels[i] ? 0.9 : 0);
        sum -= wanted * (values[i * classes + c] - std::log(total));
      }
    }
    return sum / static_cast<double>(batch.labels.size());
  }

  data::Splits data_;
  Graph graph_;
  Json told_;
  std::vector<std::string> warnings_;
  CancelToken cancel_;
};

// The sum of gradient x weight over a channel's parameters is the slope of the loss as all of them grow together.
TEST_F(ShowImages, TaylorIsTheSlopeOfTheLoss) {
  const std::vector<ChannelGroup> groups = prune::channel_groups(graph_);
  const MemberScores found = scores("taylor", groups, {{"calibration_batch", kImages}});
  const data::Batch batch = images();
  const auto scaled_loss = [&](const std::string& layer, size_t channel, double factor) {
    Graph moved = graph_;
    for (const char* weight : {".conv.weight", ".bn.weight", ".bn.bias"}) {
      Tensor& value = moved.weights.at(layer + weight).value;
      const auto all = value.mutable_values<float>();
      const size_t row = all.size() / static_cast<size_t>(value.shape()[0]);
      for (float& w : all.subspan(channel * row, row)) w = static_cast<float>(w * factor);
    }
    return loss(moved, batch);
  };
  for (size_t group = 0; group < groups.size(); ++group) {
    if (!groups[group].prunable()) continue;
    const std::string layer = groups[group].name.substr(0, groups[group].name.rfind('.'));
    double largest = 0, worst = 0;
    for (size_t channel = 0; channel < 16; ++channel) {
      constexpr double kStep = 0.01;
      const double slope =
          (scaled_loss(layer, channel, 1 + kStep) - scaled_loss(layer, channel, 1 - kStep)) / (2 * kStep);
      largest = std::max(largest, std::abs(slope));
      worst = std::max(worst, std::abs(std::abs(slope) - std::sqrt(found[group].at(0).at(channel))));
    }
    EXPECT_GT(largest, 1e-3) << layer;
    EXPECT_LT(worst, 0.01 * largest) << layer << ": float32 losses, and a step of 1 %";
  }
}

// By batches: the squares of their slopes, averaged; by single images: obd sums squares of single products instead.
TEST_F(ShowImages, BatchesAreAveraged) {
  const std::vector<ChannelGroup> groups = prune::channel_groups(graph_);
  const auto of_first = [&](const Json& given) { return scores("taylor", groups, given)[1].at(0); };
  const auto whole = of_first({{"calibration_batch", kImages}}), single = of_first({{"calibration_batch", 1}});
  for (size_t c = 0; c < whole.size(); ++c) EXPECT_GE(single[c], whole[c] * (1 - 1e-4)) << "Jensen's inequality";
  scores("obd", groups, {{"calibration_batch", 5}});
  EXPECT_EQ(told_.at("calibration_batch"), 1);
}

TEST_F(ShowImages, ABatchOfMoreThanThereAreIsWarnedOf) {
  const std::vector<ChannelGroup> groups = prune::channel_groups(graph_);
  scores("taylor", groups, {{"calibration_batch", kImages}});
  EXPECT_TRUE(warnings_.empty());
  scores("taylor", groups, {{"calibration_batch", kImages + 1}});
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_EQ(warnings_[0],
            "calibration_batch is 25, and there are 24 calibration images: the mean gradient of all is one sample");
  scores("activation", groups, {{"calibration_batch", kImages + 1}});
  EXPECT_TRUE(warnings_.empty()) << "which takes images as they come";
}

TEST_F(ShowImages, InformationOfTooFewImagesIsWarnedOf) {
  const std::vector<ChannelGroup> groups = prune::channel_groups(graph_);
  scores("mutual_information", groups);  // 24 images, 10 classes, 2 bins, 5 images for each pair
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_NE(warnings_[0].find("100 or more for 10 classes"), std::string::npos) << warnings_[0];
  scores("mutual_information", groups, {{"calibration_images", 100}});
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(ShowImages, ActivationsAreThoseOfTheTorchRuntime) {
  const std::vector<ChannelGroup> groups = prune::channel_groups(graph_);
  const MemberScores means = scores("activation", groups), shares = scores("zeros", groups);
  const data::Batch batch = images();
  for (size_t group = 0; group < groups.size(); ++group) {
    if (!groups[group].prunable()) continue;
    Graph shown = graph_;
    const std::string act = groups[group].name.substr(0, groups[group].name.rfind('.')) + ".act";
    for (size_t edge = 0; edge < shown.edges.size(); ++edge) {
      if (shown.edges[edge].name == act) shown.outputs.push_back(static_cast<graph::EdgeId>(edge));
    }
    const Tensor value = outputs(shown, batch).at(1);
    const auto all = value.values<float>();
    const auto channels = static_cast<size_t>(value.shape()[1]);
    const size_t positions = all.size() / (kImages * channels);
    for (size_t c = 0; c < channels; ++c) {
      double sum = 0, above = 0;
      for (size_t i = 0; i < all.size(); ++i) {
        if (i / positions % channels != c) continue;
        sum += std::abs(all[i]);
        above += all[i] > 0;
      }
      const auto count = static_cast<double>(kImages * positions);
      EXPECT_NEAR(means[group].at(0).at(c), sum / count, 1e-4 * (1 + sum / count)) << act << " " << c;
      EXPECT_NEAR(shares[group].at(0).at(c), above / count, 2 / count) << act << " " << c;
    }
  }
  EXPECT_FALSE(told_.contains("calibration_batch")) << "it does not matter";
}

TEST_F(ShowImages, TellsWhichImages) {
  const std::vector<ChannelGroup> groups = prune::channel_groups(graph_);
  const MemberScores first = scores("taylor", groups);
  const Json told = told_;
  EXPECT_EQ(told.at("calibration_images"), kImages);
  EXPECT_EQ(told.at("calibration_sha256"), data::calibration_subset(*data_.train, kImages, 0).sha256);
  EXPECT_EQ(scores("taylor", groups), first) << "the same twice";
  EXPECT_EQ(told_, told);
  EXPECT_NE(scores("taylor", groups, {{"calibration_seed", 1}}), first);
  EXPECT_NE(told_.at("calibration_sha256"), told.at("calibration_sha256"));
}

TEST_F(ShowImages, LeavesTheModelAsItIs) {
  const Registry all = registry();
  const Json settings = settings_of({{"criterion", "taylor"}, {"ratio", 0.5}, {"ranking", "local"}});
  const graph::ModelFile model{"t", "", "abc", graph_};
  const Graph cut = all.run("prune", {model, settings, &data_, "", train::Resume::or_fail, {}, cancel_});
  // The filters that stay are those of the model, and their statistics too: nothing was trained.
  std::set<float> means;
  for (const float mean : graph_.weights.at("model.0.bn.running_mean").value.values<float>()) means.insert(mean);
  const auto kept = cut.weights.at("model.0.bn.running_mean").value.values<float>();
  EXPECT_EQ(kept.size(), 8u);
  for (const float mean : kept) EXPECT_TRUE(means.contains(mean));
  EXPECT_EQ(cut.metadata.at("parent_sha256"), "abc");
}

TEST_F(ShowImages, BadRequests) {
  const std::vector<ChannelGroup> groups = prune::channel_groups(graph_);
  EXPECT_EQ(error_of([&] { scores("taylor", groups, {{"calibration_images", 0}}); }).first, ErrorKind::config);
  data::Splits none = data_;
  const Registry all = registry();
  const graph::ModelFile model{"t", "", "", graph_};
  const Json weights = settings_of({{"criterion", "l1"}, {"ratio", 0.5}});
  EXPECT_NO_THROW(all.run("prune", {model, weights, nullptr, "", train::Resume::or_fail, {}, cancel_}));
  cancel_.cancel();
  EXPECT_EQ(error_of([&] { scores("activation", groups); }).first, ErrorKind::cancelled);
  CancelToken go_on;
  graph_.weights.at("model.3.linear.weight").value.mutable_values<float>()[0] = std::numeric_limits<float>::quiet_NaN();
  for (const char* criterion : {"taylor", "obd"}) {
    const auto seen = prune::image_scores(criterion, graph_, groups, 8);
    const auto [kind, text] =
        error_of([&] { show_images(*seen, graph_, data_, settings_of(Json::object()), {}, go_on); });
    EXPECT_EQ(kind, ErrorKind::data);
    EXPECT_NE(text.find("expected a finite loss"), std::string::npos) << text;
  }
  const Graph other = train::samples::tiny_classifier(24, 7);
  const auto seen = prune::image_scores("activation", other, prune::channel_groups(other), 8);
  EXPECT_NE(
      error_of([&] { show_images(*seen, other, data_, settings_of(Json::object()), {}, go_on); }).second.find("7"),
      std::string::npos);
}

}  // namespace
}  // namespace quench::steps
