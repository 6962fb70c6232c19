#include <gtest/gtest.h>

#include "train/loop/recent_speed.h"

namespace quench::train {
namespace {

TEST(RecentSpeed, ForgetsWhatWasSlowLongAgo) {
  RecentSpeed speed;
  EXPECT_EQ(speed.images_per_second(), 0);
  for (int i = 0; i < 600; ++i) speed.add(50, 1);  // ten minutes beside other work
  EXPECT_NEAR(speed.images_per_second(), 50, 1e-9);
  for (int i = 0; i < 60; ++i) speed.add(1300, 1);
  EXPECT_GT(speed.images_per_second(), 800);
  for (int i = 0; i < 240; ++i) speed.add(1300, 1);
  EXPECT_NEAR(speed.images_per_second(), 1300, 10);
}

TEST(RecentSpeed, IsTheSameForLongAndShortBatches) {
  RecentSpeed one, many;
  one.add(100, 100);
  one.add(300, 1);
  many.add(100, 100);
  for (int i = 0; i < 10; ++i) many.add(30, 0.1);
  EXPECT_NEAR(one.images_per_second(), many.images_per_second(), 0.05 * one.images_per_second());
}

}  // namespace
}  // namespace quench::train
