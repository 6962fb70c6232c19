// Outcomes of images survive being written, and what is none of ours is refused.
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/json.h"
#include "error_testing.h"
#include "metrics/outcomes.h"

namespace quench::metrics {
namespace {

TEST(Outcomes, OfAClassifierReadBack) {
  const Outcomes outcomes{"abc", {0, 5, 2, 0, 1}, {}};
  EXPECT_EQ(outcomes.images(), 5);
  EXPECT_EQ(to_json(outcomes)["ahead"], "05201");
  EXPECT_EQ(outcomes_from(parse_json(to_json(outcomes).dump(), "here"), "here"), outcomes);
}

TEST(Outcomes, OfADetectorReadBack) {
  Outcomes outcomes{"abc", {}, {.images = 3, .classes = {}}};
  outcomes.boxes.classes.push_back({{{2, 1023, 0}, {0, 0, 0}, {1, 7, 1016}}, {{1, 4}, {2, 1}}});
  outcomes.boxes.classes.emplace_back();
  EXPECT_EQ(outcomes.images(), 3);
  EXPECT_EQ(outcomes_from(parse_json(to_json(outcomes).dump(), "here"), "here"), outcomes);
}

TEST(Outcomes, BadInputIsAnError) {
  for (const char* text : {
           "[]",
           "{}",
           R"({"truth": 3, "ahead": "0"})",
           R"({"truth": "a", "ahead": "06"})",
           R"({"truth": "a", "ahead": [1]})",
           R"({"truth": "a", "images": -1, "classes": []})",
           R"({"truth": "a", "images": 1e30, "classes": []})",
           R"({"truth": "a", "images": 2, "classes": [{"detections": [0, 1], "truths": []}]})",
           R"({"truth": "a", "images": 2, "classes": [{"detections": [2, 1, 0], "truths": []}]})",
           R"({"truth": "a", "images": 2, "classes": [{"detections": [0, 1024, 0], "truths": []}]})",
           R"({"truth": "a", "images": 2, "classes": [{"detections": [0, 0.5, 0], "truths": []}]})",
           R"({"truth": "a", "images": 2, "classes": [{"detections": [], "truths": [0, -1]}]})",
           R"({"truth": "a", "images": 2, "classes": [{"truths": []}]})",
       }) {
    const auto [kind, message] = error_of([&] { outcomes_from(parse_json(text, "here"), "file.gz"); });
    EXPECT_EQ(kind, ErrorKind::data) << text;
    EXPECT_NE(message.find("file.gz"), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace quench::metrics
