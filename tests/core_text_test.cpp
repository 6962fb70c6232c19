#include <gtest/gtest.h>

#include "core/clock.h"
#include "core/text.h"

namespace quench {
namespace {

using Words = std::vector<std::string>;

TEST(Text, NearestFindsTheLeastEdits) {
  const Words known{"yolov5n", "yolov5n-cls", "yolov8n-cls"};
  EXPECT_EQ(nearest("yolo5n-cls", known), "yolov5n-cls");
  EXPECT_EQ(nearest("YOLOV8N-CLS", known), "yolov8n-cls");
  EXPECT_EQ(nearest("yolov5n", known), "yolov5n");
  EXPECT_EQ(nearest("resnet", known), "");
  EXPECT_EQ(nearest("", known), "");
  EXPECT_EQ(nearest("x", {}), "");
}

TEST(Text, NearestPrefersTheFirstOfEquals) { EXPECT_EQ(nearest("abcd", {"abce", "abcf"}), "abce"); }

TEST(Text, SuggestionListsAllWhereNothingIsNear) {
  EXPECT_EQ(suggestion("mze", {"mse", "minmax"}), " (did you mean 'mse'?)");
  EXPECT_EQ(suggestion("histogram", {"mse", "minmax"}), " (known: mse, minmax)");
}

TEST(Text, Split) {
  EXPECT_EQ(split_text("a,b", ','), (Words{"a", "b"}));
  EXPECT_EQ(split_text("", ','), Words{});
  EXPECT_EQ(split_text("one", ','), Words{"one"});
  EXPECT_EQ(split_text(",a", ','), (Words{"", "a"}));
  EXPECT_EQ(split_text("a,,b", ','), (Words{"a", "", "b"}));
}

TEST(Text, LowerIsAsciiOnly) { EXPECT_EQ(lower("AbZ-\xC3\x84"), "abz-\xC3\x84"); }

TEST(Clock, DurationsForPeople) {
  EXPECT_EQ(duration_text(0), "0:00");
  EXPECT_EQ(duration_text(59.4), "0:59");
  EXPECT_EQ(duration_text(59.6), "1:00");
  EXPECT_EQ(duration_text(125), "2:05");
  EXPECT_EQ(duration_text(5025), "1:23:45");
}

TEST(Clock, TimeGoesForward) {
  const int64_t before = now_ns();
  EXPECT_GE(now_ns(), before);
  const std::string now = utc_now();
  ASSERT_EQ(now.size(), 20u);
  EXPECT_EQ(now[10], 'T');
  EXPECT_EQ(now[19], 'Z');
}

TEST(Text, CountedThingsAreOneOrMany) {
  EXPECT_EQ(counted(0, "image"), "0 images");
  EXPECT_EQ(counted(1, "image"), "1 image");
  EXPECT_EQ(counted(2, "image"), "2 images");
  EXPECT_EQ(counted(1, "class", "classes"), "1 class");
  EXPECT_EQ(counted(5, "class", "classes"), "5 classes");
}

}  // namespace
}  // namespace quench
