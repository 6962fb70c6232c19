#include <gtest/gtest.h>

#include <functional>

#include "core/error.h"
#include "core/rng.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"
#include "graph/verify.h"
#include "graph_samples.h"
#include "quench_onnx.pb.h"

namespace quench::graph {
namespace {

/// Reads bytes of any kind: a Graph that verifies and can be written again, or Error{data}; nothing else.
/// Returns whether it was a Graph.
bool read_anything(const std::string& bytes, const std::string& what) {
  try {
    const Graph graph = read_onnx(bytes, "fuzz");
    EXPECT_TRUE(read_onnx(write_onnx(graph), "again") == graph) << what;
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data) << what << ": " << error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << what << ": " << error.what();
  }
  return false;
}

/// Small files with everything in them: float, quantized, and of ranges that are found as the model runs.
std::vector<std::string> seeds() {
  const Graph plain = samples::every_op();
  return {write_onnx(plain), write_onnx(samples::quantized(plain, {.bits_a = 7, .pixels = true, .outputs = true})),
          write_onnx(samples::quantized(plain, {.bits_w = 5, .integer = false, .weight_clip = 0.5})),
          write_onnx(samples::quantized(plain, {.pixels = true, .dynamic = true}))};
}

TEST(OnnxFuzz, Truncated) {
  for (const std::string& bytes : seeds()) {
    for (size_t length = 0; length < bytes.size(); length += 1 + length / 64) {
      EXPECT_FALSE(read_anything(bytes.substr(0, length), "length " + std::to_string(length)));
    }
    EXPECT_FALSE(read_anything(bytes.substr(0, bytes.size() - 1), "one byte short"));
  }
}

TEST(OnnxFuzz, BytesChanged) {
  int graphs = 0, errors = 0;
  int seed = 0;
  for (const std::string& bytes : seeds()) {
    for (uint64_t round = 0; round < 1500; ++round) {
      Rng rng(seed, "bytes", round);
      std::string changed = bytes;
      for (uint64_t i = 0, many = 1 + rng.below(4); i < many; ++i) {
        const size_t at = rng.below(changed.size());
        switch (rng.below(4)) {
          case 0: changed[at] = static_cast<char>(changed[at] ^ (1 << rng.below(8))); break;
          case 1: changed[at] = static_cast<char>(rng.below(256)); break;
          case 2: changed.erase(at, 1 + rng.below(8)); break;
          default: changed.insert(at, changed.substr(rng.below(changed.size()), 1 + rng.below(16))); break;
        }
      }
      ++(read_anything(changed, "seed " + std::to_string(seed) + " round " + std::to_string(round)) ? graphs : errors);
    }
    ++seed;
  }
  EXPECT_GT(errors, 500);  // the changes reach the structure, not the weights alone
  EXPECT_GT(graphs, 100);
}

int64_t odd_number(Rng& rng) {
  constexpr int64_t kOdd[] = {0,
                              -1,
                              1,
                              2,
                              3,
                              7,
                              255,
                              INT_MAX,
                              INT_MIN,
                              1 << 20,
                              INT64_MAX,
                              INT64_MIN,
                              int64_t{1} << 31,
                              1 << 30,
                              -(1 << 30),
                              16777216,
                              int64_t{1} << 62};
  return kOdd[rng.below(std::size(kOdd))];
}

float odd_real(Rng& rng) {
  const float kOdd[] = {0, -1, 1, 0.5f, 1e-38f, 1e38f, INFINITY, NAN, -0.0f, 3e9f};
  return kOdd[rng.below(std::size(kOdd))];
}

/// Name of some tensor of the graph, or of none.
std::string some_tensor(const quench_onnx::GraphProto& g, Rng& rng) {
  const auto& node = g.node(static_cast<int>(rng.below(g.node_size())));
  switch (rng.below(5)) {
    case 0: return g.initializer(static_cast<int>(rng.below(g.initializer_size()))).name();
    case 1: return node.input_size() ? node.input(static_cast<int>(rng.below(node.input_size()))) : "";
    case 2: return rng.chance(0.2) ? "" : g.input(0).name();
    default: return node.output_size() ? node.output(static_cast<int>(rng.below(node.output_size()))) : "nowhere";
  }
}

void change_tensor(quench_onnx::TensorProto& tensor, Rng& rng) {
  switch (rng.below(6)) {
    case 0: tensor.set_data_type(static_cast<int>(rng.below(18))); break;
    case 1: tensor.add_dims(odd_number(rng)); break;
    case 2:
      if (tensor.dims_size()) tensor.set_dims(static_cast<int>(rng.below(tensor.dims_size())), odd_number(rng));
      break;
    case 3: tensor.mutable_raw_data()->resize(rng.below(64)); break;
    case 4:
      if (tensor.dims_size()) tensor.mutable_dims()->RemoveLast();
      break;
    default:
      for (char& c : *tensor.mutable_raw_data()) c = static_cast<char>(rng.below(256));
  }
}

void change_node(quench_onnx::GraphProto& g, quench_onnx::NodeProto& node, Rng& rng) {
  const auto& other = g.node(static_cast<int>(rng.below(g.node_size())));
  switch (rng.below(9)) {
    case 0: node.set_op_type(other.op_type()); break;
    case 1: node.set_doc_string(other.doc_string()); break;
    case 2: node.add_input(some_tensor(g, rng)); break;
    case 3: node.add_output(some_tensor(g, rng)); break;
    case 4:
      if (node.input_size()) node.set_input(static_cast<int>(rng.below(node.input_size())), some_tensor(g, rng));
      break;
    case 5:
      if (node.output_size()) node.set_output(static_cast<int>(rng.below(node.output_size())), some_tensor(g, rng));
      break;
    case 6:
      if (node.input_size()) node.mutable_input()->RemoveLast();
      break;
    case 7:
      if (node.output_size()) node.mutable_output()->RemoveLast();
      break;
    default:
      if (!node.attribute_size()) return;
      auto& a = *node.mutable_attribute(static_cast<int>(rng.below(node.attribute_size())));
      a.set_i(odd_number(rng));
      a.set_f(odd_real(rng));
      if (a.ints_size()) a.set_ints(static_cast<int>(rng.below(a.ints_size())), odd_number(rng));
      if (rng.chance(0.1)) a.add_ints(odd_number(rng));
  }
}

void change_graph(quench_onnx::GraphProto& g, Rng& rng) {
  if (g.node_size() < 2 || g.initializer_size() < 1) return;
  const int node = static_cast<int>(rng.below(g.node_size()));
  switch (rng.below(9)) {
    case 0: g.mutable_node()->SwapElements(node, static_cast<int>(rng.below(g.node_size()))); break;
    case 1: g.mutable_node()->DeleteSubrange(node, 1); break;
    case 2: *g.add_node() = quench_onnx::NodeProto(g.node(node)); break;
    case 3: change_tensor(*g.mutable_initializer(static_cast<int>(rng.below(g.initializer_size()))), rng); break;
    case 4: {
      auto& type = *g.mutable_input(0)->mutable_type()->mutable_tensor_type();
      if (rng.chance(0.3)) type.set_elem_type(static_cast<int>(rng.below(10)));
      auto& dims = *type.mutable_shape();
      if (dims.dim_size())
        dims.mutable_dim(static_cast<int>(rng.below(dims.dim_size())))->set_dim_value(odd_number(rng));
      if (rng.chance(0.1)) dims.add_dim();
      break;
    }
    case 5: g.mutable_output(0)->set_name(some_tensor(g, rng)); break;
    default: change_node(g, *g.mutable_node(node), rng);
  }
}

TEST(OnnxFuzz, StructureChanged) {
  int graphs = 0, errors = 0;
  for (const std::string& bytes : seeds()) {
    quench_onnx::ModelProto model;
    ASSERT_TRUE(model.ParseFromString(bytes));
    for (uint64_t round = 0; round < 2500; ++round) {
      Rng rng(bytes.size(), "structure", round);
      quench_onnx::ModelProto changed = model;
      for (uint64_t i = 0, many = 1 + rng.below(3); i < many; ++i) change_graph(*changed.mutable_graph(), rng);
      ++(read_anything(changed.SerializeAsString(), "round " + std::to_string(round)) ? graphs : errors);
    }
  }
  EXPECT_GT(errors, 1000);
  EXPECT_GT(graphs, 100);
}

TEST(OnnxFuzz, Noise) {
  for (uint64_t round = 0; round < 500; ++round) {
    Rng rng(1, "noise", round);
    std::string bytes(rng.below(300), '\0');
    for (char& c : bytes) c = static_cast<char>(rng.below(256));
    EXPECT_FALSE(read_anything(bytes, "noise " + std::to_string(round)));
  }
}

TEST(OnnxFuzz, DeepNestingIsRefused) {
  std::string bytes;
  const char kTags[] = {0x32, 0x2a, 0x0a};  // inside out: attribute.g, node.attribute, graph.node
  for (int i = 0; i < 3000; ++i) {
    std::string outer(1, i == 2999 ? 0x3a : kTags[i % 3]);  // at last, model.graph
    for (size_t size = bytes.size(); outer.size() == 1 || size; size >>= 7) {
      outer += static_cast<char>((size & 0x7f) | (size > 0x7f ? 0x80 : 0));
    }
    bytes = outer + bytes;
  }
  EXPECT_FALSE(read_anything(bytes, "nested"));
}

}  // namespace
}  // namespace quench::graph
