// Weights of few bits as ONNX's INT4 and INT2: the layout, files that come back as they were, and damaged ones.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>

#include "core/error.h"
#include "graph/levels.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"
#include "graph/packed_integers.h"
#include "graph/verify.h"
#include "graph/weight_groups.h"
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
    std::vector<uint8_t> codes;
    for (int i = 0; i < 41; ++i) {
      EXPECT_EQ(unpack_codes(pack_codes(codes, bits), i, bits), codes);
      codes.push_back(static_cast<uint8_t>(i % (1 << bits)));
    }
    EXPECT_THROW(pack_codes(std::vector<uint8_t>{static_cast<uint8_t>(1 << bits)}, bits), Error);
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

const std::vector<int8_t> kFour{-63, -20, 0, 45};
const std::vector<int8_t> kSixteen{-127, -80, -60, -41, -30, -12, -5, -1, 0, 2, 6, 19, 33, 50, 77, 101};

Graph with_levels(int bits, bool integer) {
  return samples::quantized(
      samples::every_op(),
      {.bits_w = bits, .integer = integer, .pixels = true, .levels = bits == 2 ? kFour : kSixteen});
}

TEST(Levels, FilesHoldCodesWhateverTheTarget) {
  for (const int bits : {2, 4, 7}) {
    for (const bool integer : {true, false}) {
      for (const char* target : {"native", "onnxruntime"}) {
        Graph graph = with_levels(bits, integer);
        graph.metadata["target"] = target;
        const auto model = written(graph);
        EXPECT_EQ(model.opset_import(0).version(), bits == 2 ? 25 : bits == 4 ? 21 : 13);
        int codes = 0, layers = 0;
        for (const auto& tensor : model.graph().initializer()) {
          const bool floats = !integer && tensor.name().ends_with(".weight/codes");
          if (!floats && !(integer && tensor.name().ends_with(".weight"))) continue;
          ++codes;
          EXPECT_EQ(tensor.data_type(), bits == 2 ? 25 : bits == 4 ? 21 : 2) << tensor.name();  // UINT2, UINT4, UINT8
        }
        for (const Node& node : graph.nodes) layers += node.op == Op::conv || node.op == Op::linear;
        EXPECT_EQ(codes, layers);
        EXPECT_TRUE(read_onnx(write_onnx(graph), "levels") == graph) << bits << " " << integer;
      }
    }
  }
}

TEST(Levels, TheNearestIsTakenAndHalvesGoToZero) {
  const std::vector<int8_t> levels{-8, -2, 0, 1, 5};
  const std::vector<float> boundaries = level_boundaries(levels);
  const std::pair<float, int> cases[] = {{-100, -8}, {-5.01f, -8}, {-5, -2}, {-1.01f, -2}, {-1, 0}, {0, 0},
                                         {0.5f, 0},  {0.51f, 1},   {3, 1},   {3.01f, 5},   {200, 5}};
  for (const auto& [x, level] : cases) EXPECT_EQ(levels[nearest_code(x, boundaries)], level) << x;
}

TEST(Levels, VerifyRefusesOthers) {
  const Graph good = with_levels(4, true);
  const auto refused = [&](const std::function<void(Weight&)>& damage) {
    Graph graph = good;
    damage(graph.weights.at("model.0.conv.weight"));
    try {
      verify(graph);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  const auto sets = [&](std::vector<int8_t> levels) {
    return refused([&](Weight& weight) { weight.quant->levels = std::move(levels); });
  };
  EXPECT_NE(sets({-5, 5}).find("expected 0 among the levels"), std::string::npos);
  EXPECT_NE(sets({0}).find("2 to 16 levels"), std::string::npos);
  EXPECT_NE(sets({0, 3, 3}).find("ascending"), std::string::npos);
  EXPECT_NE(sets({-128, 0}).find("[-127,127]"), std::string::npos);
  EXPECT_NE(sets(std::vector<int8_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}).find("got 17"),
            std::string::npos);
  EXPECT_NE(refused([](Weight& weight) { weight.value.mutable_values<int8_t>()[0] = 3; }).find("one of the 16 levels"),
            std::string::npos);
  EXPECT_NE(refused([](Weight& weight) { weight.quant->zero_point[0] = 1; }).find("zero points 0"), std::string::npos);
  Graph edge = good;
  edge.edge(edge.nodes[0].outputs[0]).quant->levels = {0, 1};
  EXPECT_THROW(verify(edge), Error);
}

TEST(Levels, DamagedFilesAreErrorsOfData) {
  const auto damaged = [](bool integer, const std::function<void(quench_onnx::GraphProto&)>& damage) {
    auto model = written(with_levels(4, integer));
    damage(*model.mutable_graph());
    try {
      read_onnx(model.SerializeAsString(), "damaged.onnx");
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data) << error.what();
      return std::string(error.what());
    }
    ADD_FAILURE() << "expected an Error";
    return std::string();
  };
  const auto tensor = [](quench_onnx::GraphProto& graph, const std::string& name) -> quench_onnx::TensorProto& {
    for (auto& found : *graph.mutable_initializer()) {
      if (found.name() == name) return found;
    }
    throw std::out_of_range(name);
  };
  const auto node = [](quench_onnx::GraphProto& graph, const std::string& type) -> quench_onnx::NodeProto& {
    for (auto& found : *graph.mutable_node()) {
      if (found.op_type() == type) return found;
    }
    throw std::out_of_range(type);
  };
  const std::string levels = "model.0.conv.weight/levels";
  EXPECT_NE(damaged(true,
                    [&](auto& g) {  // codes beyond the levels
                      tensor(g, levels).set_dims(0, 3);
                      tensor(g, levels).mutable_raw_data()->resize(3);
                    })
                .find("codes of 3 levels"),
            std::string::npos);
  damaged(true, [&](auto& g) { tensor(g, levels).mutable_raw_data()->at(3) = '\x7f'; });  // not ascending
  damaged(true, [&](auto& g) { tensor(g, levels).set_data_type(2); });
  damaged(true, [&](auto& g) { tensor(g, "model.0.conv.weight").set_data_type(22); });  // INT4: no codes
  damaged(true, [&](auto& g) { tensor(g, "model.0.conv.weight").mutable_raw_data()->pop_back(); });
  damaged(true, [&](auto& g) { node(g, "Cast").mutable_attribute(0)->set_i(7); });
  damaged(true, [&](auto& g) { node(g, "Gather").mutable_attribute(0)->set_i(1); });
  damaged(true, [&](auto& g) { node(g, "Gather").set_input(0, node(g, "Gather").input(1)); });
  damaged(true, [&](auto& g) { node(g, "Cast").set_input(0, "images"); });
  EXPECT_NE(damaged(false, [&](auto& g) { node(g, "Gather").set_doc_string("quench unrounded=nothing"); })
                .find("got no constant 'nothing'"),
            std::string::npos);
  EXPECT_NE(damaged(false,
                    [&](auto& g) {  // floats that are not rounded to the codes
                      tensor(g, "model.0.conv.weight/codes").mutable_raw_data()->at(0) ^= 0x11;
                    })
                .find("rounded to the codes"),
            std::string::npos);
  damaged(false, [&](auto& g) { tensor(g, "model.0.conv.weight").set_dims(0, 1); });
}

Graph with_groups(int bits, bool integer, int64_t group_size = 4) {
  return samples::quantized(samples::every_op(),
                            {.bits_w = bits, .integer = integer, .pixels = true, .group_size = group_size});
}

TEST(Groups, FilesHoldCodesAndFactorsWhateverTheTarget) {
  for (const int bits : {2, 3, 4, 5}) {
    for (const bool integer : {true, false}) {
      for (const char* target : {"native", "onnxruntime"}) {
        Graph graph = with_groups(bits, integer);
        graph.metadata["target"] = target;
        const auto model = written(graph);
        EXPECT_EQ(model.opset_import(0).version(), bits == 2 ? 25 : bits <= 4 ? 21 : 13);
        int codes = 0, factors = 0, indices = 0, layers = 0;
        std::set<int64_t> inputs;
        for (const auto& tensor : model.graph().initializer()) {
          indices += tensor.name().starts_with("groups_of_4/");
          factors += tensor.name().ends_with("/factors");
          if (!tensor.name().ends_with(integer ? ".weight" : ".weight/codes")) continue;
          ++codes;
          EXPECT_EQ(tensor.data_type(), bits == 2 ? 26 : bits <= 4 ? 22 : 3) << tensor.name();  // INT2, INT4, INT8
        }
        for (const Node& node : graph.nodes) {
          if (node.op != Op::conv && node.op != Op::linear) continue;
          ++layers;
          inputs.insert(graph.required_weight(node, "weight").value.shape()[1]);
        }
        EXPECT_EQ(codes, layers);
        EXPECT_EQ(factors, layers);
        EXPECT_EQ(indices, static_cast<int>(inputs.size())) << "layers of as many inputs share the index";
        EXPECT_TRUE(read_onnx(write_onnx(graph), "groups") == graph) << bits << " " << integer;
      }
    }
  }
}

TEST(Groups, FactorsTakeFourBitsWhereTheyFit) {
  Graph graph = with_groups(3, true);  // whose largest factors are 42
  QuantParams& quant = *graph.weights.at("model.8.cv.weight").quant;
  EXPECT_EQ(stored_factor_bits(quant), 8);
  for (uint8_t& factor : quant.group_factors) factor = std::min<uint8_t>(factor, 15);
  EXPECT_EQ(stored_factor_bits(quant), 4);
  quant.bits = 5;
  EXPECT_EQ(stored_factor_bits(quant), 8) << "5 bits take a byte, and older tools read them";
}

TEST(Groups, TheFactorOfEachWeightIsThatOfItsGroup) {
  QuantParams quant{DType::i8, 4, {1, 1}, {0, 0}, 0};
  quant.group_size = 2;
  quant.group_factors = {1, 2, 3, 4, 5, 6};  // of 5 inputs: 2, 2, 1
  EXPECT_EQ(group_count({2, 5, 1, 2}, 2), 3);
  EXPECT_EQ(factors_of_weights(quant, {2, 5, 1, 2}), (std::vector<uint8_t>{1, 1, 1, 1, 2, 2, 2, 2, 3, 3,  //
                                                                           4, 4, 4, 4, 5, 5, 5, 5, 6, 6}));
  EXPECT_EQ(factors_of_weights(quant, {2, 5}), (std::vector<uint8_t>{1, 1, 2, 2, 3, 4, 4, 5, 5, 6}));
  EXPECT_THROW(factors_of_weights(quant, {2, 7}), Error);
  EXPECT_EQ(group_code(10.5f, 3, 7), 4) << "3.5 goes to the even one";
  EXPECT_EQ(group_code(-100, 3, 7), -7);
}

TEST(Groups, VerifyRefusesOthers) {
  const Graph good = with_groups(4, true);
  const auto refused = [&](const std::function<void(Weight&)>& damage) {
    Graph graph = good;
    damage(graph.weights.at("model.8.cv.weight"));
    try {
      verify(graph);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  EXPECT_EQ(refused([](Weight&) {}), "nothing");
  EXPECT_NE(refused([](Weight& w) { w.quant->group_factors[0] = 0; }).find("factors in [1,18], got 0"),
            std::string::npos);
  EXPECT_NE(refused([](Weight& w) { w.quant->group_factors[0] = 19; }).find("got 19"), std::string::npos);
  EXPECT_NE(refused([](Weight& w) { w.quant->group_factors.pop_back(); }).find("factors of groups, got"),
            std::string::npos);
  EXPECT_NE(refused([](Weight& w) { w.quant->group_size = 0; }).find("groups of 1 input or more"), std::string::npos);
  EXPECT_NE(refused([](Weight& w) { w.quant->group_size = -1; }).find("groups of 1 input or more"), std::string::npos);
  EXPECT_NE(refused([](Weight& w) { w.quant->zero_point[0] = 1; }).find("zero points 0"), std::string::npos);
  EXPECT_NE(refused([](Weight& w) { w.quant->levels = {0, 1}; }).find("uniform"), std::string::npos);
  EXPECT_NE(refused([](Weight& w) {
              w.quant->group_factors[0] = 18;
              w.value.mutable_values<int8_t>()[0] = 17;
            }).find("times a factor of 18, got 17"),
            std::string::npos);
  EXPECT_NE(refused([](Weight& w) {
              w.quant->group_factors[0] = 2;
              w.value.mutable_values<int8_t>()[0] = 16;  // code 8
            }).find("times a factor of 2, got 16"),
            std::string::npos);
  Graph edge = good;
  edge.edge(edge.nodes[0].outputs[0]).quant->group_size = 2;
  EXPECT_THROW(verify(edge), Error);
}

TEST(Groups, DamagedFilesAreErrorsOfData) {
  const auto damaged = [](bool integer, const std::function<void(quench_onnx::GraphProto&)>& damage) {
    auto model = written(with_groups(4, integer));
    damage(*model.mutable_graph());
    try {
      read_onnx(model.SerializeAsString(), "damaged.onnx");
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data) << error.what();
      return std::string(error.what());
    }
    ADD_FAILURE() << "expected an Error";
    return std::string();
  };
  const auto tensor = [](quench_onnx::GraphProto& graph, std::string_view name) -> quench_onnx::TensorProto& {
    for (auto& found : *graph.mutable_initializer()) {
      if (found.name().starts_with(name)) return found;
    }
    throw std::out_of_range(std::string(name));
  };
  const auto node = [](quench_onnx::GraphProto& graph, const std::string& name) -> quench_onnx::NodeProto& {
    for (auto& found : *graph.mutable_node()) {
      if (found.name() == name) return found;
    }
    throw std::out_of_range(name);
  };
  const std::string factors = "model.8.cv.weight/factors", weight = "model.8.cv.weight", index = "groups_of_4/10";
  EXPECT_NE(damaged(true, [&](auto& g) { std::ranges::fill(*tensor(g, factors).mutable_raw_data(), '\0'); })
                .find("factors in [1,18], got 0"),
            std::string::npos);
  EXPECT_NE(damaged(true, [&](auto& g) { std::ranges::fill(*tensor(g, factors).mutable_raw_data(), '\xff'); })
                .find("products within 127"),
            std::string::npos);
  EXPECT_NE(damaged(true, [&](auto& g) { std::ranges::fill(*tensor(g, weight).mutable_raw_data(), '\x88'); })
                .find("codes of 4 bits"),  // -8
            std::string::npos);
  damaged(true, [&](auto& g) { tensor(g, factors).mutable_raw_data()->pop_back(); });
  EXPECT_NE(damaged(true, [&](auto& g) { tensor(g, factors).set_dims(1, 1); }).find("factors [O,G,1,...]"),
            std::string::npos);
  EXPECT_NE(damaged(true, [&](auto& g) { tensor(g, factors).set_dims(0, 1); }).find("times the factors"),
            std::string::npos);
  damaged(true, [&](auto& g) { tensor(g, factors).set_dims(2, 2); });
  damaged(true, [&](auto& g) { tensor(g, factors).set_data_type(3); });
  damaged(true, [&](auto& g) { tensor(g, weight).set_data_type(21); });  // UINT4
  damaged(true, [&](auto& g) { tensor(g, weight).mutable_raw_data()->pop_back(); });
  damaged(true, [&](auto& g) { tensor(g, weight).set_dims(0, -1); });
  EXPECT_NE(damaged(true, [&](auto& g) { tensor(g, index).mutable_raw_data()->at(0) = 1; }).find("in order"),
            std::string::npos);
  damaged(true, [&](auto& g) { tensor(g, index).set_data_type(1); });
  damaged(true, [&](auto& g) {
    tensor(g, index).set_dims(0, 0);
    tensor(g, index).clear_raw_data();
  });
  for (const char* mark : {"", "quench group_size=", "quench group_size=0", "quench group_size=5",
                           "quench group_size=4x", "quench group_size=99999999999999999999"}) {
    EXPECT_NE(damaged(true, [&](auto& g) { node(g, "model.8.cv.weight/gather").set_doc_string(mark); }).find("factors"),
              std::string::npos)
        << mark;
  }
  damaged(true, [&](auto& g) { node(g, "model.8.cv.weight/gather").mutable_attribute(0)->set_i(0); });
  damaged(true, [&](auto& g) {
    node(g, "model.8.cv.weight/gather").set_input(1, node(g, "model.8.cv.weight/gather").input(0));
  });
  damaged(true, [&](auto& g) {
    node(g, "model.8.cv.weight/multiply").set_input(1, node(g, "model.8.cv.weight/multiply").input(0));
  });
  damaged(true, [&](auto& g) { node(g, "model.8.cv.weight/multiply").set_input(0, "images"); });
  damaged(true, [&](auto& g) { node(g, "model.8.cv.weight/cast_wide_codes").mutable_attribute(0)->set_i(7); });
  damaged(true, [&](auto& g) { node(g, "model.8.cv.weight/cast_wide_codes").set_input(0, "images"); });
  damaged(true, [&](auto& g) { node(g, "model.8.cv.weight/cast_quantized").mutable_attribute(0)->set_i(2); });
  damaged(true, [&](auto& g) { node(g, "model.8.cv.weight/cast_quantized").set_input(0, "images"); });
  EXPECT_NE(
      damaged(false,
              [&](auto& g) { node(g, "model.8.cv.weight/cast_quantized").set_doc_string("quench unrounded=nothing"); })
          .find("got no constant 'nothing'"),
      std::string::npos);
  EXPECT_NE(damaged(false,
                    [&](auto& g) {  // floats that are not rounded to the codes
                      tensor(g, "model.8.cv.weight/codes").mutable_raw_data()->at(0) ^= 0x11;
                    })
                .find("rounded to the codes"),
            std::string::npos);
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
  damaged([](auto& tensor) { tensor.set_data_type(21); });  // UINT4: zero points have another sign
  damaged([](auto& tensor) { tensor.set_dims(0, INT64_MAX / 2); });
  damaged([](auto& tensor) { tensor.set_dims(0, -1); });
}

}  // namespace
}  // namespace quench::graph
