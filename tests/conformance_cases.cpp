#include "conformance_cases.h"

#include "graph/passes.h"
#include "graph_samples.h"

namespace quench::runtime::conformance {

namespace {

using graph::Activation;
using graph::ConvAttributes;
using graph::EdgeId;
using graph::Graph;
using graph::Op;
using graph::PoolAttributes;
using graph::samples::Builder;

/// A graph of one input [1,channels,height,width] whose output is what `build` returns.
template <typename Build>
Graph sketch(Shape input, Build build) {
  Builder b(17);
  b.graph.metadata = {{"task", "classify"}, {"model", "conformance"}};
  const EdgeId x = b.input("images", std::move(input));
  b.output(build(b, x));
  return b.graph;
}

Graph conv(Shape input, int64_t channels, ConvAttributes attributes, Activation activation = Activation::none,
           bool bias = true) {
  Graph graph =
      sketch(std::move(input), [&](Builder& b, EdgeId x) { return b.conv("conv", x, channels, attributes, bias); });
  graph.nodes[0].activation = activation;
  return graph;
}

ConvAttributes square(int64_t kernel, int64_t stride = 1, int64_t groups = 1) {
  return {
      .kernel = {kernel, kernel}, .stride = {stride, stride}, .padding = {kernel / 2, kernel / 2}, .groups = groups};
}

Graph pool(Shape input, int64_t kernel, int64_t stride, int64_t padding) {
  const PoolAttributes attributes{
      .kernel = {kernel, kernel}, .stride = {stride, stride}, .padding = {padding, padding}};
  return sketch(std::move(input), [&](Builder& b, EdgeId x) { return b.node("pool", Op::max_pool, {x}, attributes); });
}

Graph unary(Shape input, Op op) {
  return sketch(std::move(input), [&](Builder& b, EdgeId x) { return b.node("op", op, {x}); });
}

/// Two convolutions of the input, joined by `op`.
Graph joined(Op op, int64_t a, int64_t c) {
  return sketch({1, 3, 9, 11}, [&](Builder& b, EdgeId x) {
    return b.node("join", op, {b.conv("a", x, a, square(3), true), b.conv("b", x, c, square(1), true)});
  });
}

/// conv + batch norm + silu, twice, with the input of the second added: YOLO's bottleneck.
Graph bottleneck() {
  return sketch({1, 3, 10, 14}, [](Builder& b, EdgeId x) {
    x = b.node("0.act", Op::silu, {b.batch_norm("0.bn", b.conv("0.conv", x, 8, square(3, 2)))});
    const EdgeId y = b.node("1.act", Op::silu, {b.batch_norm("1.bn", b.conv("1.conv", x, 8, square(3)))});
    return b.node("add", Op::add, {x, y});
  });
}

/// Three pools in a row, concatenated with their input: YOLOv5's SPPF.
Graph pyramid() {
  return sketch({1, 6, 7, 9}, [](Builder& b, EdgeId x) {
    std::vector<EdgeId> parts{x};
    const PoolAttributes five{.kernel = {5, 5}, .stride = {1, 1}, .padding = {2, 2}};
    for (const char* name : {"p1", "p2", "p3"}) parts.push_back(b.node(name, Op::max_pool, {parts.back()}, five));
    return b.conv("out", b.node("cat", Op::concat, parts), 5, square(1), true);
  });
}

Graph splits() {
  return sketch({1, 3, 8, 8}, [](Builder& b, EdgeId x) {
    const auto parts = b.split("split", b.conv("conv", x, 9, square(3), true), {2, 4, 3});
    return b.node("cat", Op::concat, {parts[2], parts[0], parts[1]});
  });
}

Graph classifier(int64_t size) {
  return sketch({1, 3, size, size}, [](Builder& b, EdgeId x) {
    x = b.node("act", Op::relu, {b.conv("conv", x, 12, square(3, 2), true)});
    return b.linear("linear", b.node("flatten", Op::flatten, {b.node("pool", Op::global_avg_pool, {x})}), 7);
  });
}

std::vector<Case> float_cases() {
  return {
      {"conv_1x1", conv({1, 3, 8, 8}, 4, square(1))},
      {"conv_1x1_one_channel", conv({1, 1, 5, 3}, 1, square(1))},
      {"conv_3x3", conv({1, 3, 8, 8}, 16, square(3))},
      {"conv_3x3_no_bias", conv({1, 3, 8, 8}, 16, square(3), Activation::none, false)},
      {"conv_3x3_odd_size", conv({1, 3, 7, 13}, 5, square(3))},
      {"conv_3x3_odd_channels", conv({1, 17, 6, 5}, 33, square(3))},
      {"conv_3x3_one_pixel", conv({1, 4, 1, 1}, 3, square(3))},
      {"conv_3x3_stride_2_even", conv({1, 3, 16, 16}, 8, square(3, 2))},
      {"conv_3x3_stride_2_odd", conv({1, 3, 15, 9}, 8, square(3, 2))},
      {"conv_6x6_stride_2", conv({1, 3, 16, 12}, 8, {.kernel = {6, 6}, .stride = {2, 2}, .padding = {2, 2}})},
      {"conv_3x1", conv({1, 3, 9, 9}, 4, {.kernel = {3, 1}, .stride = {1, 2}, .padding = {1, 0}})},
      {"conv_dilated", conv({1, 3, 11, 10}, 4, {.kernel = {3, 3}, .padding = {2, 2}, .dilation = {2, 2}})},
      {"conv_no_padding", conv({1, 3, 9, 8}, 4, {.kernel = {5, 3}})},
      {"conv_groups_2", conv({1, 6, 8, 8}, 4, square(3, 1, 2))},
      {"conv_depthwise", conv({1, 16, 9, 7}, 16, square(3, 1, 16))},
      {"conv_depthwise_stride_2", conv({1, 5, 10, 10}, 5, square(5, 2, 5))},
      {"conv_depthwise_multiplier", conv({1, 4, 6, 6}, 8, square(3, 1, 4))},
      {"conv_silu", conv({1, 3, 9, 9}, 8, square(3), Activation::silu)},
      {"conv_relu", conv({1, 3, 9, 9}, 8, square(3, 2), Activation::relu)},
      {"batch_norm", sketch({1, 5, 6, 7}, [](Builder& b, EdgeId x) { return b.batch_norm("bn", x); })},
      {"silu", unary({1, 3, 5, 7}, Op::silu)},
      {"relu", unary({1, 3, 5, 7}, Op::relu)},
      {"sigmoid", unary({1, 3, 5, 7}, Op::sigmoid)},
      {"global_avg_pool", unary({1, 7, 5, 9}, Op::global_avg_pool)},
      {"max_pool_2", pool({1, 3, 8, 10}, 2, 2, 0)},
      {"max_pool_3_stride_2_odd", pool({1, 3, 9, 7}, 3, 2, 1)},
      {"max_pool_5", pool({1, 5, 7, 7}, 5, 1, 2)},
      {"upsample_2",
       sketch({1, 3, 5, 4},
              [](Builder& b, EdgeId x) { return b.node("up", Op::upsample, {x}, graph::UpsampleAttributes{2}); })},
      {"upsample_3",
       sketch({1, 2, 4, 5},
              [](Builder& b, EdgeId x) { return b.node("up", Op::upsample, {x}, graph::UpsampleAttributes{3}); })},
      {"add", joined(Op::add, 6, 6)},
      {"mul", joined(Op::mul, 6, 6)},
      {"concat", joined(Op::concat, 5, 3)},
      {"split_concat", splits()},
      {"bottleneck", bottleneck()},
      {"pyramid", pyramid()},
      {"classifier", classifier(16)},
      {"classifier_odd", classifier(13)},
      {"every_op", graph::samples::every_op()},
  };
}

}  // namespace

std::vector<Case> cases() {
  using graph::samples::QuantizeOptions;
  std::vector<Case> all = float_cases();
  const auto add = [&](const std::string& name, const Graph& graph, const QuantizeOptions& options, int steps) {
    all.push_back({name, graph::samples::quantized(graph, options), steps});
  };
  const size_t float_count = all.size();
  for (size_t i = 0; i < float_count; ++i) {
    const Case base = all[i];
    // One layer, or layers that a step passes through as it is: within one step.
    if (base.name == "every_op" || base.name == "batch_norm") continue;
    const bool chain = base.name == "bottleneck" || base.name == "pyramid" || base.name == "mul" ||
                       base.name.starts_with("classifier");
    add("int8_" + base.name, base.graph, {.pixels = true, .outputs = true}, chain ? 2 : 1);
  }
  const Graph plain = conv({1, 3, 9, 8}, 9, square(3), Activation::relu);
  add("int8_symmetric", plain, {.symmetric = true, .outputs = true}, 1);
  add("int8_per_tensor", plain, {.per_channel = false, .pixels = true, .outputs = true}, 1);
  add("int8_7_bit_weights", plain, {.bits_w = 7, .pixels = true, .outputs = true}, 1);
  for (const int bits : {4, 2}) {  // packed in the file
    add(fmt::format("int8_{}_bit_weights", bits), plain, {.bits_w = bits, .pixels = true, .outputs = true}, 1);
    all.back().graph.metadata["target"] = "native";
  }
  add("int8_6_bit_activations", plain, {.bits_a = 6, .outputs = true}, 1);
  add("int8_float_weights_prepared", plain, {.integer = false, .pixels = true, .outputs = true}, 1);
  add("int8_decomposed_silu", graph::decompose_silu(conv({1, 3, 9, 9}, 8, square(3), Activation::silu)),
      {.pixels = true, .outputs = true}, 2);
  return all;
}

}  // namespace quench::runtime::conformance
