#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <set>

#include "core/error.h"
#include "models/spec.h"
#include "nn/graph_module.h"
#include "nn/kernels/table.h"
#include "nn/torch_runtime.h"
#include "nn_plain_yolov5.h"

namespace quench::nn {
namespace {

graph::Graph model(int imgsz = 64) {
  models::BuildOptions options;
  for (int i = 0; i < 10; ++i) options.classes.push_back(std::to_string(i));
  options.imgsz = imgsz;
  return models::build("yolov5n-cls", options);
}

torch::Tensor images(int64_t count) {
  torch::manual_seed(3);
  return at::rand({count, 3, 64, 64});
}

double difference(const torch::Tensor& a, const torch::Tensor& b) { return (a - b).abs().max().item<double>(); }

plain::Yolov5nCls plain_of(const graph::Graph& graph) {
  plain::Yolov5nCls net(10);
  const int copied = plain::copy_weights(graph, *net);
  EXPECT_EQ(copied, static_cast<int>(graph.weights.size()));
  return net;
}

/// One forward and backward pass in training mode.
torch::Tensor train_once(GraphModule& module, const torch::Tensor& x) {
  module.train(true);
  const torch::Tensor logits = module.forward(x)[0];
  at::cross_entropy_loss(logits, at::arange(x.size(0)).remainder(10)).backward();
  return logits.detach();
}

TEST(GraphModule, EqualsTheHandWrittenNetworkInEvaluation) {
  const graph::Graph graph = model();
  plain::Yolov5nCls net = plain_of(graph);
  net->eval();
  torch::NoGradGuard no_grad;
  const torch::Tensor x = images(2), expected = net->forward(x);
  for (bool fused : {false, true}) {
    GraphModule module(graph, {torch::kCPU, true, fused});
    // Logits of size 0.1; another memory format sums in another order.
    EXPECT_LT(difference(module.forward(x)[0], expected), 1e-5) << fused;
  }
}

TEST(GraphModule, TrainsAsTheHandWrittenNetwork) {
  const graph::Graph graph = model();
  plain::Yolov5nCls net = plain_of(graph);
  net->train();
  const torch::Tensor x = images(8);
  at::cross_entropy_loss(net->forward(x), at::arange(8)).backward();
  const auto expected = net->named_parameters();
  const auto statistics = net->named_buffers();
  for (bool fused : {false, true}) {
    GraphModule module(graph, {torch::kCPU, true, fused});
    train_once(module, x);
    double largest = 0;
    for (const auto& [name, parameter] : module.parameters()) {
      ASSERT_TRUE(parameter.grad().defined()) << name;
      const torch::Tensor wanted = expected[name].grad();
      // Norm of the difference over the norm: 3e-5 measured (unfused, another memory format), 1.4e-5 fused; the last
      // batch norms see 8 * 2 * 2 values a channel and amplify rounding.
      const double scale = wanted.norm().item<double>() + 1e-6;
      const double error = (parameter.grad() - wanted).norm().item<double>() / scale;
      largest = std::max(largest, error);
      EXPECT_LT(error, 3e-4) << name << " fused " << fused;
    }
    RecordProperty(fused ? "largest_fused" : "largest_unfused", std::to_string(largest));
    for (const auto& [name, buffer] : module.buffers()) {
      EXPECT_TRUE(at::allclose(buffer, statistics[name], 1e-4, 1e-5)) << name;
    }
  }
}

/// The row of `model.<row>.` that a name begins with.
int64_t row_of(const std::string& name) { return std::stoll(name.substr(std::string("model.").size())); }

TEST(GraphModule, OfBf16FollowsFloat32) {
  if (!kernels::supported(kernels::Isa::avx512)) GTEST_SKIP() << "LibTorch convolves bfloat16 with AVX-512 alone";
  const graph::Graph graph = model();
  const torch::Tensor x = images(8);
  GraphModule exact(graph), module(graph, {.bf16 = true});
  const torch::Tensor expected = train_once(exact, x), logits = train_once(module, x);
  EXPECT_EQ(logits.scalar_type(), torch::kFloat);
  // By some 30 convolutions in a row that each round to 8 binary digits; the last batch norms see 8 * 2 * 2 values a
  // channel and amplify that.
  const auto apart = [&](const torch::Tensor& got) {
    return ((got - expected).norm() / expected.norm()).item<double>();
  };
  EXPECT_LT(apart(logits), 0.1);  // 0.05 measured
  EXPECT_GT(apart(logits), 1e-4) << "it is not float32";
  const auto wanted = exact.parameters();
  for (const auto& [name, parameter] : module.parameters()) {
    EXPECT_EQ(parameter.scalar_type(), torch::kFloat) << name;
    ASSERT_TRUE(parameter.grad().defined()) << name;
    EXPECT_EQ(parameter.grad().scalar_type(), torch::kFloat) << name;
    const torch::Tensor gradient = wanted.at(name).grad();
    const double cosine =
        ((parameter.grad() * gradient).sum() / (parameter.grad().norm() * gradient.norm() + 1e-12)).item<double>();
    EXPECT_GT(cosine, 0.98) << name;
  }
  for (const auto& [name, statistic] : module.buffers()) {
    EXPECT_EQ(statistic.scalar_type(), torch::kFloat) << name;
    EXPECT_LT(difference(statistic, exact.buffers().at(name)), 0.02) << name;
  }
  GraphModule unfused(graph, {.fused_kernels = false, .bf16 = true});
  EXPECT_LT(apart(train_once(unfused, x)), 0.1);
}

TEST(GraphModule, FrozenRowsStayWithTheirStatistics) {
  const graph::Graph graph = model();
  const torch::Tensor x = images(8);
  for (bool fused : {false, true}) {
    GraphModule module(graph, {torch::kCPU, true, fused});
    module.freeze(3);
    std::map<std::string, torch::Tensor> before;
    for (const auto& [name, buffer] : module.buffers()) before[name] = buffer.clone();
    train_once(module, x);
    std::set<int64_t> training;
    for (const auto& [name, parameter] : module.parameters()) {
      EXPECT_TRUE(parameter.grad().defined()) << name;
      training.insert(row_of(name));
    }
    EXPECT_EQ(*training.begin(), 3);
    EXPECT_EQ(*training.rbegin(), 9);
    for (const auto& [name, buffer] : module.buffers()) {
      EXPECT_EQ(buffer.equal(before.at(name)), row_of(name) < 3) << name;
    }
  }
}

// What frozen rows give while the others train is what they give in evaluation, so that gradients behind them are those
// of a model that begins there.
TEST(GraphModule, FrozenRowsComputeAsInEvaluation) {
  const graph::Graph graph = model();
  const torch::Tensor x = images(8);
  graph::EdgeId edge = -1;  // what row 2 gives
  for (const graph::Node& node : graph.nodes) {
    if (node.name.starts_with("model.2.")) edge = node.outputs[0];
  }
  ASSERT_GE(edge, 0);
  GraphModule frozen(graph), plain(graph);
  frozen.freeze(3);
  frozen.train(true);
  const torch::Tensor in_training = frozen.forward(x, {edge}).back().detach();
  EXPECT_TRUE(in_training.equal(plain.forward(x, {edge}).back()));
  plain.train(true);
  EXPECT_FALSE(in_training.equal(plain.forward(x, {edge}).back().detach()));
}

TEST(GraphModule, OneRowAtLeastTrains) {
  GraphModule module(model());
  module.freeze(9);
  EXPECT_FALSE(module.parameters().empty());
  try {
    GraphModule(model()).freeze(10);
    ADD_FAILURE() << "nothing would train";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::config);
    EXPECT_NE(std::string(error.what()).find("at most 9 rows"), std::string::npos) << error.what();
  }
}

TEST(GraphModule, RepeatsItselfBitForBit) {
  const graph::Graph graph = model();
  const torch::Tensor x = images(8);
  GraphModule a(graph), b(graph);
  EXPECT_TRUE(at::equal(train_once(a, x), train_once(b, x)));
  const auto wanted = a.parameters();
  for (const auto& [name, parameter] : b.parameters()) {
    EXPECT_TRUE(at::equal(parameter.grad(), wanted.at(name).grad())) << name;
  }
  EXPECT_TRUE(a.graph() == b.graph());
}

TEST(GraphModule, GivesItsGraphBack) {
  const graph::Graph graph = model();
  GraphModule module(graph);
  EXPECT_TRUE(module.graph() == graph);
  train_once(module, images(4));
  EXPECT_FALSE(module.graph() == graph);  // running statistics moved
}

TEST(GraphModule, TakesRawPixelsInTheLoadersLayout) {
  GraphModule module(model());
  torch::NoGradGuard no_grad;
  const torch::Tensor pixels = at::randint(0, 256, {2, 64, 64, 3}, torch::kByte);
  const torch::Tensor planar = pixels.permute({0, 3, 1, 2}).contiguous();
  const torch::Tensor expected = module.forward(planar.to(torch::kFloat) / 255)[0];
  EXPECT_TRUE(at::equal(module.forward(pixels.permute({0, 3, 1, 2}))[0], expected));
  EXPECT_TRUE(at::equal(module.forward(planar)[0], expected));
}

TEST(GraphModule, ShowsEveryEdgeToTheHook) {
  const graph::Graph graph = model();
  GraphModule module(graph);
  torch::NoGradGuard no_grad;
  const torch::Tensor x = images(2), expected = module.forward(x)[0];
  std::set<graph::EdgeId> seen;
  module.set_edge_hook([&](graph::EdgeId id, const torch::Tensor& value) {
    seen.insert(id);
    EXPECT_EQ(value.size(1), graph.edge(id).shape[1]);
  });
  EXPECT_LT(difference(module.forward(x)[0], expected), 1e-5);
  EXPECT_EQ(seen.size(), graph.edges.size());
}

TEST(GraphModule, RefusesWhatDoesNotFit) {
  GraphModule module(model());
  EXPECT_THROW(module.forward(at::zeros({1, 4, 64, 64})), Error);
  EXPECT_THROW(module.forward(at::zeros({3, 64, 64})), Error);
  EXPECT_THROW(module.forward(at::zeros({1, 3, 64, 64}, torch::kInt)), Error);
  graph::Graph broken = model();
  broken.weights.erase("model.1.conv.weight");
  EXPECT_THROW(GraphModule{broken}, Error);
}

TEST(TorchRuntime, FoldsAndStillAgreesWithTheModule) {
  graph::ModelFile file;
  file.graph = model();
  GraphModule module(file.graph);
  torch::NoGradGuard no_grad;
  const auto runtime = torch_runtime();
  EXPECT_EQ(runtime->name(), "torch");
  EXPECT_TRUE(runtime->availability().available);
  const auto session = runtime->load(file, {2, ""});
  EXPECT_EQ(session->input_dtype(), DType::f32);
  const torch::Tensor x = images(3);
  const std::vector<Tensor> outputs = session->run(to_host(x));
  ASSERT_EQ(outputs.size(), 1u);
  EXPECT_LT(difference(to_torch(outputs[0]), module.forward(x)[0]), 1e-5);
  EXPECT_THROW(session->run(Tensor(DType::u8, {1, 3, 64, 64})), Error);
  EXPECT_THROW(session->run(Tensor(DType::f32, {1, 3, 32, 64})), Error);
}

TEST(TorchRuntime, LeavesTheThreadsOfOthersAlone) {
  graph::ModelFile file;
  file.graph = model();
  at::set_num_threads(2);
  torch_runtime()->load(file, {.threads = 1, .profile_path = ""})->run(to_host(images(1)));
  EXPECT_EQ(at::get_num_threads(), 2) << "else a calibration after an evaluation rounds otherwise than before it";
}

}  // namespace
}  // namespace quench::nn
