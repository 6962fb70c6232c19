// Pictures that take the place of data: made ones, and those distilled from batch norms.
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <set>

#include "data/sets/made_pictures.h"
#include "error_testing.h"
#include "graph/passes.h"
#include "nn/graph_module.h"
#include "quant/distilled_pictures.h"
#include "quant_refine_testing.h"

namespace quench::quant {
namespace {

using data::made_picture_kinds;
using data::MadePictures;

std::vector<double> gray_of(const data::Sample& sample) {
  const auto values = sample.pixels.values<uint8_t>();
  std::vector<double> out(values.size() / 3);
  for (size_t i = 0; i < out.size(); ++i) out[i] = (values[3 * i] + values[3 * i + 1] + values[3 * i + 2]) / 3.0;
  return out;
}

/// Correlation of each pixel with its right neighbour, over pictures.
double neighbours(const std::string& kind) {
  const MadePictures pictures(kind, 32, 16, 5);
  double sum = 0, squares = 0, products = 0, count = 0;
  for (int64_t i = 0; i < pictures.size(); ++i) {
    const std::vector<double> gray = gray_of(pictures.at(i));
    for (size_t y = 0; y < 32; ++y) {
      for (size_t x = 0; x + 1 < 32; ++x) {
        const double a = gray[y * 32 + x], b = gray[y * 32 + x + 1];
        sum += a + b, squares += a * a + b * b, products += a * b, ++count;
      }
    }
  }
  const double mean = sum / (2 * count);
  return (products / count - mean * mean) / (squares / (2 * count) - mean * mean);
}

TEST(MadePictures, AreWhatTheirNamesSay) {
  EXPECT_NEAR(neighbours("noise"), 0, 0.03);
  EXPECT_NEAR(neighbours("gray"), 1, 1e-9);
  EXPECT_GT(neighbours("fractal"), 0.8) << "as in photographs, neighbours are alike";
  EXPECT_GT(neighbours("leaves"), 0.6);
  for (const std::string& kind : made_picture_kinds()) {
    const MadePictures pictures(kind, 50, 6, 1), again(kind, 50, 6, 1), other(kind, 50, 6, 2);
    std::set<std::vector<uint8_t>> different;
    for (int64_t i = 0; i < 6; ++i) {
      const data::Sample one = pictures.at(i), two = again.at(i);
      const auto values = one.pixels.values<uint8_t>(), same = two.pixels.values<uint8_t>();
      EXPECT_EQ(one.pixels.shape(), (Shape{50, 50, 3}));
      EXPECT_TRUE(std::ranges::equal(values, same)) << kind;
      different.emplace(values.begin(), values.end());
    }
    EXPECT_EQ(different.size(), 6u) << kind;
    EXPECT_NE(pictures.digest(), other.digest());
    EXPECT_EQ(pictures.digest(), again.digest());
  }
  EXPECT_NE(error_of([] { MadePictures("nose", 8, 1, 0); }).second.find("did you mean 'noise'"), std::string::npos);
}

using Values = std::map<graph::EdgeId, torch::Tensor>;

/// Values of all edges on pictures, uint8 [N,S,S,3].
Values values_on(const graph::Graph& model, const quench::Tensor& pictures) {
  const torch::NoGradGuard no_gradient;
  nn::GraphModule module(model);
  Values values;
  module.set_edge_hook([&](graph::EdgeId edge, const torch::Tensor& value) { values[edge] = value.clone(); });
  module.forward(nn::to_torch(pictures).permute({0, 3, 1, 2}));
  return values;
}

quench::Tensor leaves(int64_t count) {
  const MadePictures pictures("leaves", 16, count, 9);
  std::vector<uint8_t> pixels;
  for (int64_t i = 0; i < count; ++i) {
    const data::Sample sample = pictures.at(i);
    const auto values = sample.pixels.values<uint8_t>();
    pixels.insert(pixels.end(), values.begin(), values.end());
  }
  return quench::Tensor::from(pixels, {count, 16, 16, 3});
}

/// Gives the batch norms the statistics of what they read on pictures, one after another.
void take_statistics(graph::Graph& model, const quench::Tensor& pictures) {
  for (const graph::Node& node : model.nodes) {
    if (node.op != graph::Op::batch_norm) continue;
    const Values values = values_on(model, pictures);
    for (int64_t c = 0; c < 8; ++c) {
      const torch::Tensor x = values.at(node.inputs[0]).select(1, c).to(torch::kDouble);
      model.weight(node, "running_mean")->value.mutable_values<float>()[c] = x.mean().item<float>();
      model.weight(node, "running_var")->value.mutable_values<float>()[c] = x.var(false).item<float>();
    }
  }
}

/// conv -> batch norm -> silu, twice, then a classifier; batch norms hold the statistics that dead leaves give.
graph::Graph with_batch_norms() {
  GraphSketch s(16);
  graph::EdgeId at = s.image();
  for (const int i : {1, 2}) {
    const std::string name = "conv" + std::to_string(i);
    at = s.conv(name, at, i == 1 ? 3 : 8, 8);
    for (const auto& [role, value] :
         {std::pair{"weight", 1.0f}, {"bias", 0.1f}, {"running_mean", 0.3f * i}, {"running_var", 1.0f}}) {
      s.graph.weights["bn" + std::to_string(i) + "." + role] = {quench::Tensor::from(std::vector<float>(8, value), {8}),
                                                                {}};
    }
    at = s.op("bn" + std::to_string(i), graph::Op::batch_norm, {at}, graph::BatchNormAttributes{});
    at = s.op("act" + std::to_string(i), graph::Op::silu, {at});
  }
  const auto pooled = s.op("gap", graph::Op::global_avg_pool, {at});
  graph::Graph model = s.done({s.linear("fc", s.op("flat", graph::Op::flatten, {pooled}), 8, 5)});
  take_statistics(model, leaves(32));
  return model;
}

/// Squared distance of a batch norm's input statistics from its own, in its deviations, by a plain loop over channels.
double distance(const graph::Graph& model, const DistilledPictures& made) {
  const auto count = static_cast<int64_t>(made.pixels.size()) / (made.side * made.side * 3);
  const Values values = values_on(model, quench::Tensor::from(made.pixels, {count, made.side, made.side, 3}));
  double sum = 0;
  for (const graph::Node& node : model.nodes) {
    if (node.op != graph::Op::batch_norm) continue;
    const auto mean = model.required_weight(node, "running_mean").value.values<float>();
    const auto variance = model.required_weight(node, "running_var").value.values<float>();
    for (int64_t c = 0; c < 8; ++c) {
      const torch::Tensor x = values.at(node.inputs[0]).select(1, c).to(torch::kDouble);
      const double sigma = std::sqrt(variance[c] + 1e-3);
      sum += std::pow((x.mean().item<double>() - mean[c]) / sigma, 2) / 8;
      sum += std::pow(x.std(false).item<double>() / sigma - 1, 2) / 8;
    }
  }
  return sum;
}

TEST(DistilledPictures, HaveTheStatisticsOfTheBatchNorms) {
  const graph::Graph model = with_batch_norms();
  DistillPictures few{.count = 16, .steps = 1, .lr = 1e-9}, many{.count = 16, .steps = 150};
  const DistilledPictures before = distill_pictures(model, few, {}, CancelToken{});
  const DistilledPictures after = distill_pictures(model, many, {}, CancelToken{});
  EXPECT_EQ(after.pixels.size(), 16u * 16 * 16 * 3);
  EXPECT_LT(after.loss_after, 0.5 * after.loss_before);
  EXPECT_LT(distance(model, after), 0.5 * distance(model, before)) << "of the bytes, by another way";
  EXPECT_NEAR(distance(model, after), after.loss_after, 0.1 * after.loss_after + 0.02);
  EXPECT_EQ(after.pixels, distill_pictures(model, many, {}, CancelToken{}).pixels) << "of one seed";
}

TEST(DistilledPictures, BadInputIsSaid) {
  const graph::Graph model = with_batch_norms();
  const auto said = [](const graph::Graph& graph) {
    return error_of([&] { distill_pictures(graph, {.count = 4, .steps = 1}, {}, CancelToken{}); });
  };
  EXPECT_EQ(said(graph::fold_batch_norms(model)).first, ErrorKind::config);
  EXPECT_NE(said(graph::fold_batch_norms(model)).second.find("take fractal or leaves"), std::string::npos);
  EXPECT_NE(said(prepared_graph(model)).second.find("float model"), std::string::npos);
  graph::Graph damaged = model;
  damaged.weights.at("bn1.running_mean").value.mutable_values<float>()[0] = NAN;
  EXPECT_EQ(said(damaged).first, ErrorKind::data);
}

}  // namespace
}  // namespace quench::quant
