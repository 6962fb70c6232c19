#include <gtest/gtest.h>

#include "core/error.h"
#include "weights/safetensors.h"
#include "weights_samples.h"

namespace quench::weights {
namespace {

using samples::little;
using samples::safetensors;

std::string message_of(const std::string& bytes) {
  try {
    read_safetensors(bytes, "x.safetensors");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data) << error.what();
    EXPECT_NE(std::string(error.what()).find("x.safetensors"), std::string::npos) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "expected an Error";
  return "";
}

Json entry(const char* dtype, const Shape& shape, int64_t begin, int64_t end) {
  return {{"dtype", dtype}, {"shape", shape}, {"data_offsets", {begin, end}}};
}

/// A header as text, so that it may be wrong.
std::string with_header(const std::string& header, const std::string& data = "") {
  return little(static_cast<uint64_t>(header.size())) + header + data;
}

TEST(Safetensors, ReadsTensorsOfEveryTypeAndMetadata) {
  const std::string data = little(1.5f) + little(-2.0f) + little<uint16_t>(0x3C00) + little<uint16_t>(0x3FC0) +
                           little(0.25) + little<int64_t>(-7) + "\x01";
  const Json header = {{"__metadata__", {{"format", "pt"}, {"names", R"({"1": "dog", "0": "cat"})"}}},
                       {"a", entry("F32", {2, 1}, 0, 8)},
                       {"h", entry("F16", {1}, 8, 10)},
                       {"b", entry("BF16", {1}, 10, 12)},
                       {"d", entry("F64", {}, 12, 20)},
                       {"n", entry("I64", {1}, 20, 28)},
                       {"f", entry("BOOL", {1, 1}, 28, 29)},
                       {"e", entry("F32", {0, 3}, 29, 29)}};
  const Checkpoint checkpoint = read_safetensors(safetensors(header, data), "x");
  EXPECT_EQ(checkpoint.format, "safetensors");
  EXPECT_EQ(checkpoint.classes, (std::vector<std::string>{"cat", "dog"}));
  ASSERT_EQ(checkpoint.tensors.size(), 7u);
  EXPECT_EQ(checkpoint.tensors.at("a"), Tensor::from(std::vector<float>{1.5f, -2}, {2, 1}));
  EXPECT_EQ(checkpoint.tensors.at("h"), Tensor::from(std::vector<float>{1}, {1}));
  EXPECT_EQ(checkpoint.tensors.at("b"), Tensor::from(std::vector<float>{1.5f}, {1}));
  EXPECT_EQ(checkpoint.tensors.at("d"), Tensor::from(std::vector<float>{0.25f}, {}));
  EXPECT_EQ(checkpoint.tensors.at("n"), Tensor::from(std::vector<int64_t>{-7}, {1}));
  EXPECT_EQ(checkpoint.tensors.at("f"), Tensor::from(std::vector<uint8_t>{1}, {1, 1}));
  EXPECT_EQ(checkpoint.tensors.at("e").shape(), (Shape{0, 3}));
}

TEST(Safetensors, ClassNamesMayBeAListOrMissing) {
  const auto classes = [](const Json& metadata) {
    return read_safetensors(samples::safetensors_file({{"a", Tensor(DType::f32, {1})}}, metadata), "x").classes;
  };
  EXPECT_EQ(classes({{"names", R"(["cat", "dog"])"}}), (std::vector<std::string>{"cat", "dog"}));
  EXPECT_TRUE(classes({{"format", "pt"}}).empty());
  EXPECT_TRUE(classes(nullptr).empty());
}

TEST(Safetensors, PlacesMustFillTheDataWithoutOverlap) {
  const std::string data(16, '\0');
  EXPECT_NE(
      message_of(safetensors({{"a", entry("F32", {2}, 0, 8)}, {"b", entry("F32", {3}, 4, 16)}}, data)).find("overlap"),
      std::string::npos);
  message_of(safetensors({{"a", entry("F32", {4}, 0, 16)}, {"b", entry("F32", {4}, 0, 16)}}, data));  // the same twice
  message_of(safetensors({{"a", entry("F32", {1}, 0, 4)}, {"b", entry("F32", {2}, 8, 16)}}, data));   // a hole
  message_of(safetensors({{"a", entry("F32", {3}, 0, 12)}}, data));                                   // bytes left
  message_of(safetensors({{"a", entry("F32", {5}, 0, 20)}}, data));                                   // beyond the end
  message_of(safetensors({{"a", entry("F32", {4}, 16, 0)}}, data));
  message_of(safetensors({{"a", entry("F32", {3}, 0, 16)}}, data));  // another shape
  message_of(safetensors({{"a", entry("F16", {4}, 0, 16)}}, data));
  message_of(safetensors({{"a", entry("F32", {-4}, 0, 16)}}, data));
  message_of(safetensors({{"a", entry("F32", {int64_t{1} << 47, 1 << 30}, 0, 16)}}, data));
  message_of(safetensors({{"a", entry("F8_E4M3", {16}, 0, 16)}}, data));
  message_of(safetensors({{"a", {{"dtype", "F32"}, {"shape", {4}}}}}, data));
  message_of(safetensors({{"a", {{"dtype", 3}, {"shape", {4}}, {"data_offsets", {0, 16}}}}}, data));
  message_of(safetensors({{"a", {{"dtype", "F32"}, {"shape", {4.0}}, {"data_offsets", {0, 16}}}}}, data));
}

TEST(Safetensors, HeadersThatAreWrongAreRefused) {
  message_of("");
  message_of("{}");
  message_of(with_header("{}"));  // no tensors
  message_of(with_header("[]"));
  message_of(with_header("null"));
  message_of(with_header("{\"a\":"));
  message_of(with_header("{\"a\":1e999}"));
  message_of(with_header("{\"\xff\":1}"));
  message_of(little(UINT64_MAX) + "{}");
  message_of(little<uint64_t>(3) + "{}");
  EXPECT_NE(message_of(with_header(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
                                   R"("a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})"))
                .find("twice"),
            std::string::npos);
  EXPECT_NE(message_of(with_header("{\"a\":" + std::string(1'000'000, '['))).find("nested"), std::string::npos);
  EXPECT_NE(message_of(with_header("{" + std::string(9 << 20, ' ') + "}")).find("at most"), std::string::npos);
  message_of(samples::safetensors_file({{"a", Tensor(DType::f32, {1})}}, {{"names", R"({"1": "dog"})"}}));
  message_of(samples::safetensors_file({{"a", Tensor(DType::f32, {1})}}, {{"names", "[1]"}}));
  message_of(samples::safetensors_file({{"a", Tensor(DType::f32, {1})}}, {{"names", "{"}}));
}

TEST(SafetensorsFuzz, TruncatedAndChanged) {
  const std::string seed =
      samples::safetensors_file({{"model.0.conv.weight", Tensor(DType::f32, {2, 3})}, {"b", Tensor(DType::f32, {4})}},
                                {{"names", R"({"0": "cat"})"}});
  const auto reads = [](const std::string& bytes) {
    try {
      read_safetensors(bytes, "x");
      return true;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data) << error.what();
      return false;
    }
  };
  for (size_t size = 0; size < seed.size(); ++size) EXPECT_FALSE(reads(seed.substr(0, size))) << size;
  int good = 0;
  for (uint64_t round = 0; round < 20000; ++round) {
    Rng rng(0, "safetensors", round);
    good += reads(samples::changed(seed, rng));
  }
  EXPECT_GT(good, 500);
  EXPECT_LT(good, 19000);
}

}  // namespace
}  // namespace quench::weights
