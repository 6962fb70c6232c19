// What the table says of each operation, against what a plain executor does with it.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "core/error.h"
#include "core/rng.h"
#include "graph/op_traits.h"
#include "graph/passes.h"
#include "graph/shape_inference.h"
#include "graph/verify.h"
#include "graph_samples.h"
#include "reference_executor.h"

namespace quench::graph {
namespace {

using samples::Builder;

/// A graph of one node of the operation; its channels differ in number from all else.
Graph one_node(Op op) {
  Builder b(11);
  const Shape image{1, 4, 6, 6};
  const auto input = [&](const char* name, Shape shape) { return b.input(name, std::move(shape)); };
  switch (op) {
    case Op::conv: b.conv("n", input("a", image), 5, {.kernel = {3, 3}}, true); break;
    case Op::batch_norm: b.batch_norm("n", input("a", image)); break;
    case Op::linear: b.linear("n", input("a", {1, 4}), 5); break;
    case Op::add:
    case Op::mul: b.node("n", op, {input("a", image), input("b", image)}); break;
    case Op::concat: b.node("n", op, {input("a", image), input("b", {1, 3, 6, 6})}); break;
    case Op::max_pool: b.node("n", op, {input("a", image)}, PoolAttributes{{2, 2}, {2, 2}, {0, 0}}); break;
    case Op::upsample: b.node("n", op, {input("a", image)}, UpsampleAttributes{2}); break;
    case Op::split: b.split("n", input("a", image), {1, 3}); break;
    case Op::flatten: b.node("n", op, {input("a", {1, 4, 1, 1})}); break;
    case Op::silu:
    case Op::relu:
    case Op::sigmoid:
    case Op::global_avg_pool: b.node("n", op, {input("a", image)}); break;
  }
  for (const EdgeId edge : b.graph.nodes.back().outputs) b.output(edge);
  return b.graph;
}

/// Values in [-9,9), no two alike.
std::vector<Tensor> inputs_of(const Graph& graph) {
  std::vector<Tensor> inputs = reference::random_inputs(graph, 1, 5);
  for (Tensor& input : inputs) {
    for (float& x : input.mutable_values<float>()) x = 18 * x - 9;
  }
  return inputs;
}

std::vector<float> flat(const std::vector<Tensor>& tensors) {
  std::vector<float> all;
  for (const Tensor& tensor : tensors) {
    const auto values = tensor.values<float>();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

class OpTable : public testing::TestWithParam<int> {
 protected:
  Op op() const { return static_cast<Op>(GetParam()); }
};

int count_of_ops() {
  int count = 0;
  while (std::string_view(to_string(static_cast<Op>(count))) != "unknown") ++count;
  return count;
}

TEST(OpTableRows, EveryOperationHasOne) {
  ASSERT_GE(count_of_ops(), 14);
  EXPECT_EQ(op_table().size(), static_cast<size_t>(count_of_ops()));
  for (int i = 0; i < count_of_ops(); ++i) EXPECT_EQ(traits(static_cast<Op>(i)).op, static_cast<Op>(i));
  EXPECT_THROW(traits(static_cast<Op>(count_of_ops())), Error);
}

TEST_P(OpTable, MovesValues) {
  const Graph graph = one_node(op());
  const std::vector<Tensor> inputs = inputs_of(graph);
  const std::vector<float> from = flat(inputs), to = flat(reference::execute(graph, inputs));
  ASSERT_FALSE(to.empty());
  const bool moved = std::ranges::all_of(to, [&](float y) { return std::ranges::count(from, y) > 0; });
  EXPECT_EQ(traits(op()).moves_values, moved);
}

TEST_P(OpTable, UnitRange) {
  const Graph graph = one_node(op());
  const std::vector<float> to = flat(reference::execute(graph, inputs_of(graph)));
  EXPECT_EQ(traits(op()).unit_range, std::ranges::all_of(to, [](float y) { return y >= 0 && y <= 1; }));
}

TEST_P(OpTable, Pointwise) {
  const Graph graph = one_node(op());
  std::vector<Tensor> inputs = inputs_of(graph);
  bool pointwise = inputs.size() == 1 && graph.outputs.size() == 1;
  if (pointwise) {  // the values in another order give the results in that order
    std::vector<float> before = flat(reference::execute(graph, inputs));
    std::ranges::reverse(inputs[0].mutable_values<float>());
    std::ranges::reverse(before);
    // What moves values passes that too: it computes nothing.
    pointwise = graph.edge(graph.outputs[0]).shape == inputs[0].shape() &&
                flat(reference::execute(graph, inputs)) == before && !traits(op()).moves_values;
  }
  EXPECT_EQ(traits(op()).pointwise, pointwise);
}

/// The output channels (of all outputs, one after another) that change with a channel of an input.
std::vector<int64_t> reached(const Graph& graph, size_t input, int64_t channel) {
  std::vector<Tensor> inputs = inputs_of(graph);
  const std::vector<Tensor> before = reference::execute(graph, inputs);
  const Shape& shape = inputs[input].shape();
  const int64_t each = inputs[input].size() / shape.at(1);
  for (float& x :
       inputs[input].mutable_values<float>().subspan(static_cast<size_t>(channel * each), static_cast<size_t>(each))) {
    x = x * 0.5f + 20;
  }
  const std::vector<Tensor> after = reference::execute(graph, inputs);
  std::vector<int64_t> changed;
  int64_t first = 0;
  for (size_t o = 0; o < before.size(); ++o) {
    const auto p = before[o].values<float>(), q = after[o].values<float>();
    const int64_t channels = before[o].shape().at(1), size = before[o].size() / channels;
    for (int64_t c = 0; c < channels; ++c) {
      if (!std::equal(p.begin() + c * size, p.begin() + (c + 1) * size, q.begin() + c * size)) {
        changed.push_back(first + c);
      }
    }
    first += channels;
  }
  return changed;
}

TEST_P(OpTable, ChannelsOfOutputsComeFromThoseOfInputs) {
  const Graph graph = one_node(op());
  int64_t before = 0;  // channels of the inputs before
  for (size_t input = 0; input < graph.inputs.size(); ++input) {
    const int64_t channels = graph.edge(graph.inputs[input]).shape.at(1);
    for (int64_t channel = 0; channel < channels; ++channel) {
      const std::vector<int64_t> changed = reached(graph, input, channel);
      switch (traits(op()).channels) {
        case Channels::mixed: EXPECT_EQ(changed, (std::vector<int64_t>{0, 1, 2, 3, 4})); break;
        case Channels::kept:
        case Channels::divided: EXPECT_EQ(changed, std::vector<int64_t>{channel}); break;
        case Channels::joined: EXPECT_EQ(changed, std::vector<int64_t>{before + channel}); break;
      }
    }
    before += channels;
  }
  EXPECT_EQ(traits(op()).channels == Channels::joined, op() == Op::concat);
  EXPECT_EQ(traits(op()).channels == Channels::divided, graph.outputs.size() > 1);
}

TEST_P(OpTable, WeightsAreThoseThatItNeeds) {
  const Graph graph = one_node(op());
  ASSERT_NO_THROW(verify(graph));  // all that are there are known
  size_t found = 0;
  for (const WeightRole& role : traits(op()).weights) {
    const std::string name = "n." + std::string(role.name);
    ASSERT_TRUE(graph.weights.contains(name));
    ++found;
    Graph without = graph;
    without.weights.erase(name);
    if (role.required) {
      EXPECT_THROW(infer_shapes(without), Error) << name;
    } else {
      EXPECT_NO_THROW(infer_shapes(without)) << name;
    }
    EXPECT_EQ(role.learned, !role.name.starts_with("running_")) << name;
  }
  EXPECT_EQ(found, graph.weights.size());
  EXPECT_EQ(traits(op()).attributes, graph.nodes[0].attributes.index());
  EXPECT_EQ(traits(op()).layer, found > 0 && traits(op()).channels == Channels::mixed);
}

TEST_P(OpTable, TakesAnActivationWhereItComputesTheSameFused) {
  Graph graph = one_node(op());
  graph.nodes[0].activation = Activation::relu;
  if (!traits(op()).takes_activation) {
    EXPECT_THROW(verify(graph), Error);
    return;
  }
  const std::vector<Tensor> inputs = inputs_of(graph);
  const std::vector<float> fused = flat(reference::execute(graph, inputs));
  EXPECT_EQ(fused, flat(reference::execute(unfuse_activations(graph), inputs)));
  EXPECT_GE(*std::ranges::min_element(fused), 0);
}

INSTANTIATE_TEST_SUITE_P(Ops, OpTable, testing::Range(0, count_of_ops()),
                         [](const auto& info) { return std::string(to_string(static_cast<Op>(info.param))); });

}  // namespace
}  // namespace quench::graph
