#include <gtest/gtest.h>

#include "graph_samples.h"
#include "reference_executor.h"

namespace quench::graph {
namespace {

using reference::execute;

std::vector<float> list(const Tensor& tensor) {
  const auto values = tensor.values<float>();
  return {values.begin(), values.end()};
}

/// A graph of one conv with given weights, on a [1,1,3,3] image 1..9.
Tensor convolve(ConvAttributes attributes, std::vector<float> weight) {
  samples::Builder b(1);
  b.output(b.conv("c", b.input("x", {1, 1, 3, 3}), 1, attributes));
  b.graph.weights["c.weight"].value = Tensor::from(weight, {1, 1, attributes.kernel[0], attributes.kernel[1]});
  return execute(b.graph, {Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 1, 3, 3})})[0];
}

TEST(Reference, ConvByHand) {
  EXPECT_EQ(list(convolve({.kernel = {2, 2}}, {1, 10, 100, 1000})), (std::vector<float>{5421, 6532, 8754, 9865}));
  EXPECT_EQ(list(convolve({.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}, std::vector<float>(9, 1))),
            (std::vector<float>{12, 16, 24, 28}));
  EXPECT_EQ(list(convolve({.kernel = {2, 1}, .dilation = {2, 1}}, {1, 100})), (std::vector<float>{701, 802, 903}));
}

TEST(Reference, FakeQuantizeRoundsHalfToEvenAndSaturates) {
  const QuantParams quant{DType::u8, 4, {0.5f}, {3}, -1};  // q in [0,15]: -1.5 to 6
  const Tensor x = Tensor::from(std::vector<float>{-9, -1.4f, 0.25f, 0.75f, 1.25f, 6, 7}, {7});
  EXPECT_EQ(list(reference::fake_quantize(x, quant)), (std::vector<float>{-1.5f, -1.5f, 0, 1, 1, 6, 6}));
  const QuantParams rows{DType::i8, 8, {1, 0.5f}, {0, 0}, 0};
  const Tensor w = Tensor::from(std::vector<float>{1.4f, -500, 1.4f, -500}, {2, 2});
  EXPECT_EQ(list(reference::fake_quantize(w, rows)), (std::vector<float>{1, -127, 1.5f, -63.5f}));
}

TEST(Reference, ImagesOfABatchDoNotMix) {
  for (const auto& [name, graph] : samples::all()) {
    const auto both = reference::random_inputs(graph, 2, 5);
    const auto outputs = execute(graph, both);
    Shape shape = both[0].shape();
    shape[0] = 1;
    Tensor second(both[0].dtype(), shape);
    std::copy_n(both[0].bytes() + both[0].size_bytes() / 2, second.size_bytes(), second.mutable_bytes());
    const auto alone = execute(graph, {second});
    for (size_t i = 0; i < outputs.size(); ++i) {
      const auto all = list(outputs[i]);
      EXPECT_EQ(std::vector<float>(all.begin() + all.size() / 2, all.end()), list(alone[i])) << name;
    }
  }
}

TEST(Reference, QuantizedIsNearFloatAndIntegerIsPrepared) {
  const Graph plain = samples::every_op();
  const auto inputs = reference::random_inputs(plain, 1, 5);
  const auto exact = execute(plain, inputs);
  const auto integer = execute(samples::quantized(plain, {}), inputs);
  const auto prepared = execute(samples::quantized(plain, {.integer = false}), inputs);
  for (size_t i = 0; i < exact.size(); ++i) {
    EXPECT_GT(reference::largest_difference(exact[i], integer[i]), 0);
    EXPECT_LT(reference::largest_difference(exact[i], integer[i]), 0.25);
    EXPECT_LT(reference::largest_difference(prepared[i], integer[i]), 0.05);  // bias rounded to int32
  }
}

}  // namespace
}  // namespace quench::graph
