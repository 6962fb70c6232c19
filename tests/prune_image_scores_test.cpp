// Criteria that look at images, on gradients and values small enough to count by hand.

#include <limits>

#include "error_testing.h"
#include "graph_samples.h"
#include "prune/image_scores.h"
#include "prune/mutual_information.h"
#include "prune_testing.h"

namespace quench::prune {
namespace {

using graph::EdgeId;
using graph::Graph;
using Values = std::vector<double>;

/// first (3 channels, with bias) -> batch norm -> silu -> add with second, then a batch norm behind the sum -> end.
Graph makers_and_late_norm() {
  graph::samples::Builder b(1);
  const EdgeId images = b.input("images", {1, 2, 2, 2});
  const EdgeId first = b.node("act", graph::Op::silu, {b.batch_norm("bn", b.conv("first", images, 3, {}, true))});
  const EdgeId sum = b.node("sum", graph::Op::add, {first, b.conv("second", images, 3, {})});
  b.output(b.conv("end", b.batch_norm("late", sum), 1, {}));
  const auto set = [&](const char* name, const std::vector<float>& values) {
    Tensor& value = b.graph.weights.at(name).value;
    value = Tensor::from(values, value.shape());
  };
  set("first.weight", {3, -4, 0, 1, 6, 8});
  set("first.bias", {1, 2, -1});
  set("bn.weight", {2, 1, 1});
  set("bn.bias", {1, -3, 0});
  set("second.weight", {0, 2, -1, -1, 1, 1});
  set("late.weight", {1, 2, 3});
  set("late.bias", {0, 0, 1});
  return b.graph;
}
constexpr size_t kSum = 1;  // images, first + second, end

Tensor like(const Graph& graph, const char* weight, const std::vector<float>& values) {
  return Tensor::from(values, graph.weights.at(weight).value.shape());
}

/// Two batches of gradients.
std::vector<SeenBatch> gradients(const Graph& graph) {
  std::vector<SeenBatch> batches(2);
  batches[0].gradients = {{"first.weight", like(graph, "first.weight", {1, 1, 2, 3, 1, -1})},
                          {"first.bias", like(graph, "first.bias", {2, 0, 1})},
                          {"bn.weight", like(graph, "bn.weight", {1, 1, 0})},
                          {"bn.bias", like(graph, "bn.bias", {-1, 1, 5})},
                          {"second.weight", like(graph, "second.weight", {7, 1, 1, -1, 0, 2})},
                          {"late.weight", like(graph, "late.weight", {1, 1, 1})},
                          {"late.bias", like(graph, "late.bias", {1, 1, 1})}};
  batches[1].gradients = {{"first.weight", like(graph, "first.weight", {0, 1, 0, 0, 0, 0})}};
  return batches;
}

MemberScores scored(const std::string& criterion, const Graph& graph) {
  const std::vector<ChannelGroup> groups = channel_groups(graph);
  const auto scores = image_scores(criterion, graph, groups, 4);
  EXPECT_TRUE(scores->wants_gradients());
  EXPECT_TRUE(scores->edges().empty());
  for (const SeenBatch& batch : gradients(graph)) scores->add(batch);
  return scores->scores();
}

// Products of gradient and weight of first's channel 0 (weights, bias, scale, shift): 3, -4, 2, 2, -1, then -4.
TEST(ImageScores, Taylor) {
  const MemberScores scores = scored("taylor", makers_and_late_norm());
  ASSERT_EQ(scores[kSum].size(), 3u) << "first with its batch norm, second, the batch norm behind the sum";
  EXPECT_EQ(scores[kSum][0], (Values{(4 + 16) / 2.0, 1 / 2.0, 9 / 2.0}));
  EXPECT_EQ(scores[kSum][1], (Values{4 / 2.0, 0, 4 / 2.0}));
  EXPECT_EQ(scores[kSum][2], (Values{1 / 2.0, 4 / 2.0, 16 / 2.0}));
  EXPECT_TRUE(scores[0].empty() && scores[2].empty()) << "inputs and outputs are kept";
}

TEST(ImageScores, TaylorAbsolute) {
  const MemberScores scores = scored("taylor_abs", makers_and_late_norm());
  EXPECT_EQ(scores[kSum][0], (Values{(12 + 4) / 2.0, (0 + 3 + 0 + 1 + 3) / 2.0, (6 + 8 + 1 + 0 + 0) / 2.0}));
  EXPECT_EQ(scores[kSum][1], (Values{2 / 2.0, 2 / 2.0, 2 / 2.0}));
}

TEST(ImageScores, HessianDiagonal) {
  const Graph graph = makers_and_late_norm();
  EXPECT_EQ(image_scores("obd", graph, channel_groups(graph), 4)->batch(), 1) << "gradients of single images";
  EXPECT_EQ(image_scores("taylor", graph, channel_groups(graph), 4)->batch(), 4);
  const MemberScores scores = scored("obd", graph);
  EXPECT_EQ(scores[kSum][0], (Values{(9 + 16 + 4 + 4 + 1 + 16) / 4.0, (0 + 9 + 0 + 1 + 9) / 4.0, (36 + 64 + 1) / 4.0}));
}

// Loss (w - t)^2 / 2 of samples t: the Hessian is 1, and so is the mean squared gradient where the samples' variance
// is. What a weight of 0 costs is then w^2 / 2, as expected of w at the mean.
TEST(ImageScores, HessianDiagonalOfAQuadratic) {
  Graph graph = makers_and_late_norm();
  const std::vector<ChannelGroup> groups = channel_groups(graph);
  const auto scores = image_scores("obd", graph, groups, 1);
  for (const float deviation : {0.5f, -1.5f, 1.2f, -0.2f}) {  // squares: 0.25 + 2.25 + 1.44 + 0.04 = 3.98
    SeenBatch one;
    one.gradients = {{"second.weight", like(graph, "second.weight", std::vector<float>(6, deviation))}};
    scores->add(one);
  }
  const Values second = scores->scores()[kSum][1];
  EXPECT_NEAR(second[0], 3.98 / 4 * (0 + 4) / 2, 1e-6);
  EXPECT_NEAR(second[2], 3.98 / 4 * (1 + 1) / 2, 1e-6);
}

TEST(ImageScores, GradientsThatAreNotFinite) {
  const Graph graph = makers_and_late_norm();
  const std::vector<ChannelGroup> groups = channel_groups(graph);
  SeenBatch bad;
  bad.gradients = {{"bn.bias", like(graph, "bn.bias", {0, std::numeric_limits<float>::infinity(), 0})}};
  for (const char* criterion : {"taylor", "taylor_abs", "obd"}) {
    const auto [kind, text] = error_of([&] { image_scores(criterion, graph, groups, 1)->add(bad); });
    EXPECT_EQ(kind, ErrorKind::data);
    EXPECT_NE(text.find("(weight bn.bias)"), std::string::npos) << text;
    EXPECT_EQ(error_of([&] { image_scores(criterion, graph, groups, 1)->scores(); }).first, ErrorKind::data);
  }
}

/// Two images: the values of the activation behind first, and of second.
SeenBatch values(const Graph& graph, const ImageScores& scores) {
  const std::vector<EdgeId> edges = scores.edges();
  EXPECT_EQ(edges.size(), 2u);
  EXPECT_EQ(graph.edge(edges.at(0)).name, "act") << "behind batch norm and activation";
  EXPECT_EQ(graph.edge(edges.at(1)).name, "second") << "an add is no activation";
  SeenBatch seen;
  seen.values[edges[0]] = Tensor::from(std::vector<float>{1, -2, 0, 3, 0, 0, 0, 0, -1, -1, -1, -1,  // image 0
                                                          4, 4,  4, 4, 1, 0, 0, 0, 2,  -2, 2,  -2},
                                       {2, 3, 2, 2});
  seen.values[edges[1]] = Tensor::from(std::vector<float>(24, -0.5f), {2, 3, 2, 2});
  seen.labels = {0, 1};
  return seen;
}

TEST(ImageScores, MeanAbsoluteActivation) {
  const Graph graph = makers_and_late_norm();
  const std::vector<ChannelGroup> groups = channel_groups(graph);
  const auto scores = image_scores("activation", graph, groups, 1);
  EXPECT_FALSE(scores->wants_gradients());
  scores->add(values(graph, *scores));
  EXPECT_EQ(scores->scores()[kSum], (std::vector<Values>{{22 / 8.0, 1 / 8.0, 12 / 8.0}, {0.5, 0.5, 0.5}}));
}

TEST(ImageScores, ShareAboveZero) {
  const Graph graph = makers_and_late_norm();
  const std::vector<ChannelGroup> groups = channel_groups(graph);
  const auto scores = image_scores("zeros", graph, groups, 1);
  scores->add(values(graph, *scores));
  EXPECT_EQ(scores->scores()[kSum], (std::vector<Values>{{6 / 8.0, 1 / 8.0, 2 / 8.0}, {0, 0, 0}}));
}

TEST(ImageScores, ValuesThatAreNotFinite) {
  const Graph graph = makers_and_late_norm();
  const std::vector<ChannelGroup> groups = channel_groups(graph);
  for (const char* criterion : {"activation", "zeros", "mutual_information"}) {
    const auto scores = image_scores(criterion, graph, groups, 1);
    SeenBatch bad = values(graph, *scores);
    bad.values.begin()->second.mutable_values<float>()[3] = std::numeric_limits<float>::quiet_NaN();
    const auto [kind, text] = error_of([&] { scores->add(bad); });
    EXPECT_EQ(kind, ErrorKind::data);
    EXPECT_NE(text.find("(edge act)"), std::string::npos) << text;
    EXPECT_EQ(error_of([&] { image_scores(criterion, graph, groups, 1)->scores(); }).first, ErrorKind::data);
  }
}

/// Two classes in turn; x is normal about 0 or `apart` by class.
void draw(int64_t count, double apart, Values& x, std::vector<int32_t>& labels) {
  Rng rng(5, "mutual information");
  for (int64_t i = 0; i < count; ++i) {
    labels.push_back(static_cast<int32_t>(i % 2));
    x.push_back(rng.normal() + (labels.back() ? apart : 0));
  }
}

// Two equally likely normal distributions of variance 1, 2 apart: 0.4859 bits, the capacity of a binary channel under
// normal noise at a signal-to-noise ratio of 1 (0 dB).
TEST(MutualInformation, OfNormalDistributions) {
  Values x;
  std::vector<int32_t> labels;
  draw(20000, 2, x, labels);
  EXPECT_NEAR(mutual_information(x, labels), 0.4859 * std::log(2), 0.012) << "0.007 of it by 16 bins";
  Values scaled = x;
  for (double& value : scaled) value = std::exp(3 * value);
  EXPECT_NEAR(mutual_information(scaled, labels), mutual_information(x, labels), 1e-12) << "by order alone";
}

TEST(MutualInformation, OfIndependentValuesIsZero) {
  double sum = 0, square = 0;
  constexpr int kDraws = 200;
  for (int draw = 0; draw < kDraws; ++draw) {
    Rng rng(static_cast<uint64_t>(draw), "independent");
    Values x;
    std::vector<int32_t> labels;
    for (int i = 0; i < 500; ++i) {
      x.push_back(rng.uniform());
      labels.push_back(static_cast<int32_t>(rng.below(10)));
    }
    const double found = mutual_information(x, labels);
    sum += found;
    square += found * found;
  }
  // Without the correction the mean is (10 - 1)(10 - 1) / (2 x 500) = 0.081. At five pairs a cell 0.005 of it
  // stay.
  EXPECT_NEAR(sum / kDraws, 0, 0.008);
  EXPECT_LT(std::sqrt(square / kDraws), 0.03);
}

TEST(MutualInformation, Ends) {
  std::vector<int32_t> labels;
  Values same, told, dead;
  for (int i = 0; i < 400; ++i) {
    labels.push_back(i % 4);
    same.push_back(3);
    told.push_back(10.0 * (i % 4) + 0.001 * i);
    dead.push_back(i % 4 == 3 ? i : 0);  // relu: three classes at 0
  }
  EXPECT_EQ(mutual_information(same, labels), 0);
  EXPECT_EQ(mutual_information(told, std::vector<int32_t>(400, 2)), 0);
  EXPECT_NEAR(mutual_information(told, labels), std::log(4), 0.01);
  EXPECT_NEAR(mutual_information(dead, labels), -0.75 * std::log(0.75) - 0.25 * std::log(0.25), 0.01);
  told[7] = std::numeric_limits<double>::infinity();
  EXPECT_EQ(error_of([&] { mutual_information(told, labels); }).first, ErrorKind::data);
}

/// 40 images; channel 0 of both layers tells class 1 by its mean, channel 1 tells nothing, channel 2 is constant.
SeenBatch telling(const ImageScores& scores, bool objects) {
  std::vector<float> all;
  SeenBatch seen;
  for (int image = 0; image < 40; ++image) {
    const int label = image % 2;
    for (int i = 0; i < 4; ++i) all.push_back(static_cast<float>(label + (i - 1.5)));
    for (int i = 0; i < 4; ++i) all.push_back(static_cast<float>(image / 2));
    for (int i = 0; i < 4; ++i) all.push_back(0.25f);
    if (objects) {
      seen.present.push_back({7});
      if (label) seen.present.back() = {7, 2, 2};
      if (image == 3) seen.present.back().push_back(9);
    } else {
      seen.labels.push_back(label);
    }
  }
  for (const EdgeId edge : scores.edges()) seen.values[edge] = Tensor::from(all, {40, 3, 2, 2});
  return seen;
}

TEST(ImageScores, MutualInformation) {
  const Graph graph = makers_and_late_norm();
  const std::vector<ChannelGroup> groups = channel_groups(graph);
  for (const bool objects : {false, true}) {
    const auto scores = image_scores("mutual_information", graph, groups, 1);
    EXPECT_FALSE(scores->wants_gradients());
    scores->add(telling(*scores, objects));
    const MemberScores found = scores->scores();
    for (const Values& of_member : found[kSum]) {
      EXPECT_NEAR(of_member[0], std::log(2), 0.02) << "of class 2 alone: 7 is everywhere, 9 is rare";
      EXPECT_LT(of_member[1], 0.02);
      EXPECT_EQ(of_member[2], 0);
    }
  }
}

TEST(ImageScores, MutualInformationNeedsClassesThatDiffer) {
  const Graph graph = makers_and_late_norm();
  const std::vector<ChannelGroup> groups = channel_groups(graph);
  for (const bool objects : {false, true}) {
    const auto scores = image_scores("mutual_information", graph, groups, 1);
    SeenBatch seen = telling(*scores, objects);
    std::ranges::fill(seen.labels, 3);
    std::ranges::fill(seen.present, std::vector<int32_t>{3});
    scores->add(seen);
    const auto [kind, text] = error_of([&] { scores->scores(); });
    EXPECT_EQ(kind, ErrorKind::data);
    EXPECT_NE(text.find("none among 40 images"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace quench::prune
