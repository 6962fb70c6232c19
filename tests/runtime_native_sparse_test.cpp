// Blocks of weights that are all 0 are left out, and only where that pays; what is left makes the same sums.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "core/rng.h"
#include "runtime/native/engine.h"
#include "runtime/native/sparse_blocks.h"

namespace quench::runtime::native {
namespace {

/// A 3 x 3 convolution of 8 channels to 40 where each block of 16 x 4 stays with probability `stays`.
Instruction convolution(double stays) {
  Instruction conv;
  conv.kind = Kind::conv_u8;
  conv.attributes = graph::ConvAttributes{{3, 3}, {1, 1}, {1, 1}};
  conv.weight = Tensor(DType::i8, {40, 8, 3, 3});
  conv.bias = Tensor(DType::i32, {40});
  conv.weight_scale.assign(40, 0.01f);
  conv.step = {0.05f, 3, 0, 255};
  Rng rng(1, "sparse blocks");
  std::vector<bool> kept;
  for (int i = 0; i < 3 * 2 * 9; ++i) kept.push_back(rng.chance(stays));
  const auto values = conv.weight.mutable_values<int8_t>();
  for (size_t at = 0; at < values.size(); ++at) {
    const size_t block = (at / 72 / 16) * 18 + (at / 9 % 8 / 4) * 9 + at % 9;
    values[at] = static_cast<int8_t>(kept[block] ? 1 + static_cast<int>(rng.below(100)) : 0);
  }
  return conv;
}

const Value kIn{"in", true, 4, 4, 8, {0.1f, 7, 0, 255}};
const Value kOut{"out", true, 4, 4, 40, {0.05f, 3, 0, 255}};

TEST(SparseBlocks, HoldEveryWeightThatIsNotZeroOnce) {
  for (const Isa isa : available_isas()) {
    const Kernels& kernels = *kernels_for(isa);
    const PackedU8 packed = pack_u8(convolution(0.3), kIn, kOut, kernels, 0, 40, true);
    const auto sparse = sparse_blocks(packed, kernels);
    ASSERT_TRUE(sparse.has_value()) << to_string(isa);
    const int64_t size = int64_t{4} * kernels.lanes, vectors = padded(40, kernels.lanes) / kernels.lanes;
    ASSERT_EQ(static_cast<int64_t>(sparse->first.size()), vectors + 1);
    EXPECT_EQ(sparse->first.back(), static_cast<int64_t>(sparse->step.size()));
    EXPECT_EQ(sparse->weights.size(), sparse->first.back() * size);
    EXPECT_LT(sparse->weights.size(), packed.weights.size() / 2);
    int64_t dense_sum = 0, sparse_sum = 0;
    for (int64_t i = 0; i < packed.weights.size(); ++i) dense_sum += packed.weights.data()[i] * (i % size + 1);
    for (int64_t i = 0; i < sparse->weights.size(); ++i) sparse_sum += sparse->weights.data()[i] * (i % size + 1);
    EXPECT_EQ(dense_sum, sparse_sum) << to_string(isa);
    for (size_t v = 0; v + 1 < sparse->first.size(); ++v) {
      for (int64_t i = sparse->first[v] + 1; i < sparse->first[v + 1]; ++i) {
        EXPECT_LT(sparse->step[static_cast<size_t>(i - 1)], sparse->step[static_cast<size_t>(i)]);
      }
    }
  }
}

TEST(SparseBlocks, AreNotMadeWhereMostBlocksHoldWeights) {
  const Kernels& kernels = *kernels_for(Isa::plain);
  EXPECT_FALSE(sparse_blocks(pack_u8(convolution(1.0), kIn, kOut, kernels, 0, 40, true), kernels));
  EXPECT_FALSE(sparse_blocks(pack_u8(convolution(0.8), kIn, kOut, kernels, 0, 40, true), kernels));
  const auto none = sparse_blocks(pack_u8(convolution(0.0), kIn, kOut, kernels, 0, 40, true), kernels);
  ASSERT_TRUE(none) << "a layer without weights is bias alone";
  EXPECT_TRUE(none->step.empty());
}

TEST(SparseBlocks, OfFloatsDoNotDependOnTheInstructionSet) {
  Instruction conv = convolution(0.3);
  Tensor floats(DType::f32, conv.weight.shape());
  const auto from = conv.weight.values<int8_t>();
  std::ranges::copy(from, floats.mutable_values<float>().begin());
  floats.mutable_values<float>()[0] = 1.0f;  // one of the 16 channels is enough
  conv.weight = floats;
  conv.kind = Kind::conv_f32;
  conv.bias = Tensor(DType::f32, {40});
  std::vector<double> shares;
  for (const Isa isa : available_isas()) {
    const Kernels& kernels = *kernels_for(isa);
    const auto sparse = sparse_blocks(pack_f32(conv, kernels, 0, 40, true), kernels);
    ASSERT_TRUE(sparse.has_value());
    shares.push_back(sparse->share);
    EXPECT_EQ(sparse->weights.size(), sparse->first.back() * kernels.lanes);
    double sum = 0;
    for (int64_t i = 0; i < sparse->weights.size(); ++i) sum += sparse->weights.data()[i];
    const auto values = floats.values<float>();
    EXPECT_EQ(sum, std::accumulate(values.begin(), values.end(), 0.0));
  }
  EXPECT_EQ(std::ranges::count(shares, shares[0]), static_cast<int64_t>(shares.size()));
}

TEST(SparseBlocks, SkippedProductsAreNotCountedAsWork) {
  Program program;
  program.values = {kIn, kOut};
  program.input = 0;
  Instruction load;
  load.kind = Kind::load;
  load.outputs = {0};
  Instruction conv = convolution(0.3);
  conv.name = "conv";
  conv.inputs = {0};
  conv.outputs = {1};
  conv.macs = conv.weight.size() * 16;
  program.instructions = {load, conv};
  for (const Isa isa : available_isas()) {
    const Engine engine(program, *kernels_for(isa), 1);
    const int64_t macs = engine.program().instructions[1].macs;
    EXPECT_GT(macs, conv.macs / 10) << to_string(isa);
    EXPECT_LT(macs, conv.macs / 2) << "else a profile shows more than the peak";
  }
}

}  // namespace
}  // namespace quench::runtime::native
