#include <gtest/gtest.h>

#include "quant/content.h"

namespace quench::quant {
namespace {

/// Two canvases of 64 px: one with bars above and below, one without; each pixel tells its row and column.
data::Batch batch_of_two() {
  data::Batch batch;
  batch.images = Tensor(DType::u8, {2, 64, 64, 3});
  auto values = batch.images.mutable_values<uint8_t>();
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t pixel = i / 3 % (64 * 64);
    values[i] = static_cast<uint8_t>(i % 3 == 0 ? pixel / 64 : i % 3 == 1 ? pixel % 64 : i / (64 * 64 * 3));
  }
  batch.letterboxes = {letterbox(20, 64, 64, 64), letterbox(64, 64, 64, 64)};  // rows 22 to 41, and all
  batch.indices = {0, 1};
  return batch;
}

TEST(Content, BarsAreCutOffByWholeSteps) {
  const auto images = content_of(batch_of_two(), 8);
  ASSERT_EQ(images.size(), 2u);
  EXPECT_EQ(images[0].shape(), (Shape{1, 32, 64, 3}));  // rows 16 to 47
  EXPECT_EQ(images[1].shape(), (Shape{1, 64, 64, 3}));
  const auto values = images[0].values<uint8_t>();
  EXPECT_EQ(values[0], 16);
  EXPECT_EQ(values[1], 0);
  EXPECT_EQ(values[values.size() - 3], 47);
  EXPECT_EQ(values[values.size() - 2], 63);
  EXPECT_EQ(values[2], 0);
  EXPECT_EQ(images[1].values<uint8_t>()[2], 1);
}

TEST(Content, BarsBesideArePartedToo) {
  data::Batch batch = batch_of_two();
  batch.letterboxes[0] = letterbox(64, 10, 64, 64);  // columns 27 to 36
  const auto images = content_of(batch, 16);
  EXPECT_EQ(images[0].shape(), (Shape{1, 64, 32, 3}));  // columns 16 to 47
  const auto values = images[0].values<uint8_t>();
  EXPECT_EQ(values[1], 16);
  EXPECT_EQ(values[32 * 3], 1);  // the next row
  EXPECT_EQ(values[32 * 3 + 1], 16);
}

TEST(Content, AStepBeyondTheCanvasEndsThere) {
  data::Batch batch = batch_of_two();
  const auto images = content_of(batch, 48);
  EXPECT_EQ(images[0].shape(), (Shape{1, 48, 64, 3}));  // rows 0 to 47
}

TEST(Content, WithoutLetterboxesABatchStaysWhole) {
  data::Batch batch = batch_of_two();
  batch.letterboxes.clear();
  const auto images = content_of(batch, 8);
  ASSERT_EQ(images.size(), 1u);
  EXPECT_EQ(images[0].shape(), (Shape{2, 64, 64, 3}));
}

}  // namespace
}  // namespace quench::quant
