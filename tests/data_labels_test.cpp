// YOLO label files: what is read, what is left out, and that nothing is left out in silence.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/rng.h"
#include "data/labels/yolo_labels.h"
#include "data_testing.h"

namespace quench::data {
namespace {

constexpr int kClasses = 80, kHeight = 480, kWidth = 640;

YoloLabels parse(const std::string& text) { return parse_yolo_labels(text, "a.txt", kClasses, kHeight, kWidth); }

/// Parses one row that is left out and gives the kind of its issue.
std::string refusal(const std::string& row, const std::string& part = "") {
  const YoloLabels labels = parse(row);
  EXPECT_TRUE(labels.objects.empty()) << row;
  if (labels.issues.size() != 1) {
    ADD_FAILURE() << row << ": " << labels.issues.size() << " issues";
    return "";
  }
  EXPECT_EQ(labels.issues[0].file, "a.txt");
  EXPECT_EQ(labels.issues[0].line, 1);
  EXPECT_NE(labels.issues[0].problem.find(part), std::string::npos) << labels.issues[0].problem;
  return labels.issues[0].kind;
}

TEST(YoloLabels, BoxesComeOutInPixels) {
  const YoloLabels labels = parse("45 0.5 0.25 0.5 0.25\n0 0.75 0.75 0.25 0.5\n");
  ASSERT_EQ(labels.objects.size(), 2u);
  EXPECT_TRUE(labels.issues.empty());
  EXPECT_EQ(labels.objects[0].label, 45);
  EXPECT_EQ(labels.objects[0].box, (Box{160, 60, 480, 180}));
  EXPECT_EQ(labels.objects[0].area, 320 * 120);
  EXPECT_FALSE(labels.objects[0].crowd);
  EXPECT_EQ(labels.objects[1].box, (Box{400, 240, 560, 480}));
}

TEST(YoloLabels, SegmentsGiveTheirBox) {
  const YoloLabels labels = parse("3 0.5 0.25 0.25 0.75 0.75 0.5\n7 0 0 0.5 0 0.5 0.5 0 0.5");
  ASSERT_EQ(labels.objects.size(), 2u);
  EXPECT_EQ(labels.objects[0].box, (Box{160, 120, 480, 360}));
  EXPECT_EQ(labels.objects[0].area, 320 * 240);
  EXPECT_EQ(labels.objects[1].box, (Box{0, 0, 320, 240}));
  EXPECT_TRUE(labels.issues.empty());
}

TEST(YoloLabels, SpacingDoesNotMatter) {
  const YoloLabels plain = parse("1 0.5 0.5 0.25 0.25\n2 0.5 0.5 0.5 0.5\n");
  ASSERT_EQ(plain.objects.size(), 2u);
  for (const char* text :
       {"1 0.5 0.5 0.25 0.25\r\n2 0.5 0.5 0.5 0.5\r\n", "\n\n1\t.5 0.50 2.5e-1 +0.25  \n   \n2 0.5 0.5 0.5 0.5",
        "\xef\xbb\xbf"
        "1 0.5 0.5 0.25 0.25\n2.0 0.5 0.5 0.5 0.5"}) {
    const YoloLabels labels = parse(text);
    EXPECT_EQ(labels.objects, plain.objects) << text;
    EXPECT_TRUE(labels.issues.empty()) << text;
  }
  for (const char* text : {"", "\n", " \r\n\t\n", "\xef\xbb\xbf"}) {
    EXPECT_TRUE(parse(text).objects.empty());
    EXPECT_TRUE(parse(text).issues.empty());
  }
}

TEST(YoloLabels, WrongRowsAreNamed) {
  EXPECT_EQ(refusal("91 0.5 0.5 0.1 0.1", "class 91 is not in 0..79"), "class");
  EXPECT_EQ(refusal("80 0.5 0.5 0.1 0.1", "80"), "class");
  EXPECT_EQ(refusal("-1 0.5 0.5 0.1 0.1", "-1"), "class");
  EXPECT_EQ(refusal("1.5 0.5 0.5 0.1 0.1", "1.5"), "class");
  EXPECT_EQ(refusal("dog 0.5 0.5 0.1 0.1", "'dog'"), "class");
  EXPECT_EQ(refusal("1e30 0.5 0.5 0.1 0.1"), "class");
  EXPECT_EQ(refusal("1 0.5 0.5 0.1", "got 4"), "numbers");
  EXPECT_EQ(refusal("1 0.5 0.5 0.1 0.1 7", "got 6"), "numbers");
  EXPECT_EQ(refusal("1 0.5 0.5 0.1 0.1 0.9 0.5 0.2", "got 8"), "numbers");
  EXPECT_EQ(refusal("1", "got 1"), "numbers");
  EXPECT_EQ(refusal("1 0.5 0.5 0.1 0,1", "'0,1'"), "numbers");
  EXPECT_EQ(refusal("1 0.5 0.5 0.1 0x1"), "numbers");
  EXPECT_EQ(refusal("1 nan 0.5 0.1 0.1", "nan"), "not_finite");
  EXPECT_EQ(refusal("1 0.5 0.5 inf 0.1"), "not_finite");
  EXPECT_EQ(refusal("1 0.5 0.5 1e999 0.1"), "not_finite");
  EXPECT_EQ(refusal("nan 0.5 0.5 0.1 0.1"), "not_finite");
  EXPECT_EQ(refusal("1 320 240 64 48", "'320'"), "outside");  // pixels
  EXPECT_EQ(refusal("1 1.5 0.5 0.1 0.1"), "outside");
  EXPECT_EQ(refusal("1 -0.2 0.5 0.1 0.1"), "outside");
  EXPECT_EQ(refusal("1 0.5 0.5 1.2 0.1"), "outside");
  EXPECT_EQ(refusal("1 1.005 0.5 0.005 0.1"), "outside");  // nothing of it is inside
  EXPECT_EQ(refusal("1 0.1 0.1 0.2 0.2 0.3 7"), "outside");
  EXPECT_EQ(refusal("1 0.5 0.5 0 0.1", "0 and 0.1"), "size");
  EXPECT_EQ(refusal("1 0.5 0.5 0.1 -0.3"), "size");
  EXPECT_EQ(refusal("1 0.5 0.5 1e-400 0.1"), "size");
  EXPECT_EQ(refusal("1 0.2 0.2 0.2 0.4 0.2 0.3"), "size");  // a segment on a line
}

TEST(YoloLabels, LinesAreCountedWithTheBlankOnes) {
  const YoloLabels labels = parse("1 0.5 0.5 0.1 0.1\n\n99 0.5 0.5 0.1 0.1\n2 0.5 0.5 0.1 0.1\nx\n");
  EXPECT_EQ(labels.objects.size(), 2u);
  ASSERT_EQ(labels.issues.size(), 2u);
  EXPECT_EQ(labels.issues[0].line, 3);
  EXPECT_EQ(labels.issues[1].line, 5);
}

TEST(YoloLabels, DuplicatesAreLeftOutOnce) {
  const std::string row = "5 0.5 0.5 0.1 0.1\n";
  const YoloLabels labels = parse(row + "6 0.5 0.5 0.1 0.1\n" + row + "5 0.5 0.5 0.1 0.100001\n" + row);
  EXPECT_EQ(labels.objects.size(), 3u);
  ASSERT_EQ(labels.issues.size(), 2u);
  EXPECT_EQ(labels.issues[0].kind, "duplicate");
  EXPECT_EQ(labels.issues[0].line, 3);
  EXPECT_NE(labels.issues[0].problem.find("line 1"), std::string::npos);
  EXPECT_EQ(labels.issues[1].line, 5);
}

TEST(YoloLabels, WhatReachesOverTheBorderIsClippedAndSaid) {
  const YoloLabels far = parse("0 0.1 0.5 0.4 0.5\n");
  ASSERT_EQ(far.objects.size(), 1u);
  EXPECT_EQ(far.objects[0].box.x1, 0);
  EXPECT_NEAR(far.objects[0].box.x2, 0.3 * kWidth, 1e-9);
  EXPECT_NEAR(far.objects[0].area, 0.3 * kWidth * 0.5 * kHeight, 1e-6);
  ASSERT_EQ(far.issues.size(), 1u);
  EXPECT_EQ(far.issues[0].kind, "clipped");
  EXPECT_NE(far.issues[0].problem.find("0.1000"), std::string::npos) << far.issues[0].problem;
  // Six decimals, rounded: 0.5 millionths over the border are not worth a word; yet no box leaves the image.
  const YoloLabels rounded = parse("0 0.955609 0.5 0.088783 0.5\n");
  ASSERT_EQ(rounded.objects.size(), 1u);
  EXPECT_TRUE(rounded.issues.empty());
  EXPECT_EQ(rounded.objects[0].box.x2, kWidth);
}

// Whatever the text: rows = objects + rows left out, boxes inside the image, messages printable.
void expect_laws(const std::string& text) {
  const YoloLabels labels = parse(text);
  int64_t rows = 0, clipped = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string row = text.substr(begin, end - begin);
    if (begin == 0 && row.starts_with("\xef\xbb\xbf")) row.erase(0, 3);
    rows += row.find_first_not_of(" \t\r\v\f") != std::string::npos;
    begin = end + 1;
  }
  int64_t line = 0;
  for (const LabelIssue& issue : labels.issues) {
    clipped += issue.kind == "clipped";
    EXPECT_GE(issue.line, std::max<int64_t>(1, line));
    line = issue.line;
    for (const char c : issue.problem) EXPECT_TRUE(c >= ' ' && c < 127);
    EXPECT_LT(issue.problem.size(), 200u);
  }
  EXPECT_EQ(rows, static_cast<int64_t>(labels.objects.size() + labels.issues.size()) - clipped) << text;
  for (const Object& object : labels.objects) {
    EXPECT_TRUE(object.label >= 0 && object.label < kClasses);
    EXPECT_TRUE(object.box.x1 >= 0 && object.box.y1 >= 0 && object.box.x2 <= kWidth && object.box.y2 <= kHeight);
    EXPECT_GT(object.box.area(), 0);
    EXPECT_EQ(object.area, object.box.area());
  }
}

TEST(YoloLabelsFuzz, ChangedBytes) {
  const std::string seed = "45 0.479492 0.688771 0.955609 0.5955\n3 0.1 0.2 0.3 0.4 0.5 0.6\r\n\n0 0.5 0.5 1 1\n";
  const std::string odd =
      "0123456789.-+eE \t\n\r\vnaif,;\xff\x00"
      "x";
  for (uint64_t round = 0; round < 20000; ++round) {
    Rng rng(0, "labels", round);
    std::string text = seed;
    for (uint64_t i = 0, many = 1 + rng.below(6); i < many && !text.empty(); ++i) {
      const size_t at = rng.below(text.size());
      switch (rng.below(4)) {
        case 0: text[at] = odd[rng.below(odd.size())]; break;
        case 1: text[at] = static_cast<char>(rng.below(256)); break;
        case 2: text.erase(at, 1 + rng.below(8)); break;
        default: text.insert(at, text.substr(rng.below(text.size()), 1 + rng.below(24))); break;
      }
    }
    expect_laws(text);
    if (HasFailure()) FAIL() << "round " << round;
  }
}

TEST(YoloLabelsFuzz, NoiseAndLongRows) {
  for (uint64_t round = 0; round < 2000; ++round) {
    Rng rng(1, "noise", round);
    std::string text(rng.below(200), '\0');
    for (char& c : text) c = static_cast<char>(rng.below(256));
    expect_laws(text);
  }
  std::string row = "1";
  for (int i = 0; i < 20000; ++i) row += fmt::format(" {}", (i % 1000) / 1000.0);
  expect_laws(row);
  EXPECT_EQ(parse(row).objects.size(), 1u);
  expect_laws(std::string(100000, '9'));
}

}  // namespace
}  // namespace quench::data
