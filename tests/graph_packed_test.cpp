// Weights of few bits as ONNX's INT4 and INT2: the layout, files that come back as they were, and damaged ones.
#include <gtest/gtest.h>

#include <functional>

#include "core/error.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"
#include "graph/packed_integers.h"
#include "graph_samples.h"
#include "quench_onnx.pb.h"

namespace quench::graph {
namespace {

Graph few_bits(int bits, const std::string& target = "native") {
  Graph graph = samples::quantized(samples::every_op(), {.bits_w = bits, .pixels = true});
  graph.metadata["target"] = target;
  return graph;
}

quench_onnx::ModelProto written(const Graph& graph) {
  quench_onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromString(write_onnx(graph)));
  return model;
}

int count_of_type(const quench_onnx::ModelProto& model, int32_t type) {
  int found = 0;
  for (const auto& tensor : model.graph().initializer()) found += tensor.data_type() == type;
  return found;
}

TEST(Packed, TheFirstValueHasTheLowestBits) {
  const std::vector<int8_t> values{1, -1, 7, -8, 3};
  EXPECT_EQ(pack_integers(values, 4), std::string("\xf1\x87\x03", 3));
  const std::vector<int8_t> small{1, -1, 0, -2, -1};
  EXPECT_EQ(pack_integers(small, 2), std::string("\x8d\x03", 2));
}

TEST(Packed, UnpacksWhatItPacked) {
  for (const int bits : {2, 4}) {
    std::vector<int8_t> values;
    for (int i = 0; i < 41; ++i) {  // no multiple of what a byte holds
      EXPECT_EQ(unpack_integers(pack_integers(values, bits), i, bits), values);
      values.push_back(static_cast<int8_t>(i % (1 << bits) - (1 << (bits - 1))));
    }
    const auto packed = pack_integers(values, bits);
    for (const int64_t count : {int64_t{-1}, int64_t{0}, int64_t{36}, int64_t{45}, INT64_MAX}) {
      EXPECT_THROW(unpack_integers(packed, count, bits), Error) << count;
    }
    const std::vector<int8_t> large{static_cast<int8_t>(1 << (bits - 1))};
    EXPECT_THROW(pack_integers(large, bits), Error);
  }
}

TEST(Packed, FilesForNativeHoldFewBits) {
  for (const int bits : {2, 3, 4, 5}) {
    const Graph graph = few_bits(bits);
    const auto model = written(graph);
    const int64_t opset = bits == 2 ? 25 : bits <= 4 ? 21 : 13, ir = bits == 2 ? 13 : bits <= 4 ? 10 : 8;
    EXPECT_EQ(model.opset_import(0).version(), opset) << bits;
    EXPECT_EQ(model.ir_version(), ir) << bits;
    const int packed = count_of_type(model, bits == 2 ? 26 : 22);
    EXPECT_EQ(packed > 0, bits <= 4) << bits;
    EXPECT_EQ(packed % 2, 0) << "as many zero points as weights";
    EXPECT_TRUE(read_onnx(write_onnx(graph), "few") == graph) << bits;
  }
}

TEST(Packed, FilesForOthersHoldBytes) {
  for (const char* target : {"onnxruntime", "tensorrt"}) {
    const auto model = written(few_bits(4, target));
    EXPECT_EQ(model.opset_import(0).version(), 13) << target;
    EXPECT_EQ(count_of_type(model, 22), 0) << target;
  }
}

TEST(Packed, FloatWeightsWithParametersStayFloat) {
  Graph graph = samples::quantized(samples::every_op(), {.bits_w = 4, .integer = false});
  graph.metadata["target"] = "native";
  EXPECT_EQ(count_of_type(written(graph), 22), 0);
  EXPECT_TRUE(read_onnx(write_onnx(graph), "prepared") == graph);
}

TEST(Packed, DamagedValuesAreErrorsOfData) {
  const auto damaged = [](const std::function<void(quench_onnx::TensorProto&)>& damage) {
    auto model = written(few_bits(4));
    for (auto& tensor : *model.mutable_graph()->mutable_initializer()) {
      if (tensor.data_type() != 22) continue;
      damage(tensor);
      break;
    }
    try {
      read_onnx(model.SerializeAsString(), "damaged.onnx");
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data) << error.what();
      return std::string(error.what());
    }
    ADD_FAILURE() << "expected an Error";
    return std::string();
  };
  EXPECT_NE(damaged([](auto& tensor) { tensor.mutable_raw_data()->pop_back(); }).find("of 4 bits"), std::string::npos);
  damaged([](auto& tensor) { tensor.mutable_raw_data()->push_back('\0'); });
  damaged([](auto& tensor) { tensor.clear_raw_data(); });
  damaged([](auto& tensor) { tensor.set_data_type(26); });
  damaged([](auto& tensor) { tensor.set_data_type(21); });  // UINT4
  damaged([](auto& tensor) { tensor.set_dims(0, INT64_MAX / 2); });
  damaged([](auto& tensor) { tensor.set_dims(0, -1); });
}

}  // namespace
}  // namespace quench::graph
