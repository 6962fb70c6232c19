#include <gtest/gtest.h>

#include <cmath>

#include "core/clock.h"
#include "core/text.h"
#include "core/told_apart.h"
#include "core/without_place.h"

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

TEST(WithoutPlace, TakesTheFirstBracketsAlone) {
  EXPECT_EQ(without_place("[quant.ptq] expected [64], got [32]"), "expected [64], got [32]");
  EXPECT_EQ(without_place("[prune] t: expected 1"), "t: expected 1");
  EXPECT_EQ(without_place("expected [64] less"), "expected [64] less");
  EXPECT_EQ(without_place("[1,3,32,32] is no shape"), "[1,3,32,32] is no shape");
  EXPECT_EQ(without_place("[unclosed"), "[unclosed");
  EXPECT_EQ(without_place(""), "");
}

TEST(ToldApart, TakesAsManyDigitsAsItNeeds) {
  EXPECT_EQ(told_apart(12345678, 12345679, 3), (std::pair<std::string, std::string>("12345678", "12345679")));
  EXPECT_EQ(told_apart(2, 1, 3), (std::pair<std::string, std::string>("2", "1")));
  EXPECT_EQ(told_apart(0.5, 0.5, 3), (std::pair<std::string, std::string>("0.5", "0.5")));
  const double one = 1, next = std::nextafter(1.0, 2.0);
  EXPECT_NE(told_apart(one, next, 3).first, told_apart(one, next, 3).second);
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
