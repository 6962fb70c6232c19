// Members of a family by multipliers of depth and width: their names, and that they are the published ones scaled.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "models/spec.h"

namespace quench::models {
namespace {

BuildOptions at_64_pixels() {
  BuildOptions options;
  options.imgsz = 64;
  return options;
}

/// Weights by name and shape: what a topology is to a file.
std::string weights_of(const graph::Graph& graph) {
  std::string text;
  for (const auto& [name, weight] : graph.weights) text += name + " " + to_string(weight.value.shape()) + "\n";
  return text;
}

// The published members are the families at the published multipliers, cap on channels included.
TEST(ScaledModels, ThePublishedMembersAreAmongThem) {
  for (const std::string& name : names()) {
    const Spec published = spec(name);
    const std::string size(1, name.at(6));
    const std::string family = name.substr(0, 6) + name.substr(7);
    const Spec scaled = spec(fmt::format("{}:d{}w{}", family, published.depth, published.width));
    EXPECT_EQ(scaled.max_channels, published.max_channels) << name;
    if (size != "n" && size != "m") continue;
    EXPECT_EQ(weights_of(build(scaled, at_64_pixels())), weights_of(build(published, at_64_pixels()))) << name;
  }
}

TEST(ScaledModels, AreNamedByTheShortestNumbers) {
  const Spec found = spec("yolov8:d0.670w00.25");
  EXPECT_EQ(found.name, "yolov8:d0.67w0.25");
  EXPECT_EQ(found.depth, 0.67);
  EXPECT_EQ(found.width, 0.25);
  EXPECT_EQ(found.task, "detect");
  EXPECT_EQ(spec("yolov5-cls:d1w.5").task, "classify");
  EXPECT_EQ(build("yolov5:d1w0.25", at_64_pixels()).metadata.at("model"), "yolov5:d1w0.25");
  EXPECT_TRUE(is_name("yolov8:d0.67w0.25"));
  EXPECT_TRUE(is_name("yolov8n"));
  EXPECT_FALSE(is_name("yolov8:d0.67"));
  EXPECT_FALSE(is_name("yolov8"));
}

// Counted by hand from the rows: depth 1 repeats a C3 three times, depth 0.33 once.
TEST(ScaledModels, DepthRepeatsAndWidthWidens) {
  const graph::Graph deep = build("yolov5:d1w0.25", at_64_pixels());
  EXPECT_TRUE(deep.weights.contains("model.2.m.2.cv1.conv.weight"));
  EXPECT_FALSE(deep.weights.contains("model.2.m.3.cv1.conv.weight"));
  EXPECT_EQ(deep.weights.at("model.0.conv.weight").value.shape(), (Shape{16, 3, 6, 6}));
  const graph::Graph wide = build("yolov8:d0.33w1", at_64_pixels());
  EXPECT_EQ(wide.weights.at("model.7.conv.weight").value.shape(), (Shape{1024, 512, 3, 3}));
  const graph::Graph capped = build("yolov8:d1w1", at_64_pixels());
  EXPECT_EQ(capped.weights.at("model.7.conv.weight").value.shape(), (Shape{512, 512, 3, 3}));
  // A multiplier of width that makes 20 channels of 64 makes 24: multiples of 8.
  EXPECT_EQ(build("yolov5:d0.33w0.3", at_64_pixels()).weights.at("model.0.conv.weight").value.shape(),
            (Shape{24, 3, 6, 6}));
}

TEST(ScaledModels, BadNamesAreNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {"yolov8:d0w", "a multiplier of depth from 0.01 to 2, got 0"},
      {"yolov8:d0w1", "a multiplier of depth from 0.01 to 2, got 0"},
      {"yolov8:d1w0", "a multiplier of width from 0.01 to 2, got 0"},
      {"yolov8:d1w99", "a multiplier of width from 0.01 to 2, got 99"},
      {"yolov8:d-1w1", "got -1"},
      {"yolov8:dnanw1", "got nan"},
      {"yolov8:dinfw1", "got inf"},
      {"yolov8:d1", "as in 'yolov8:d0.67w0.25', got 'yolov8:d1'"},
      {"yolov8:w1d1", "as in 'yolov8:d0.67w0.25'"},
      {"yolov8:", "as in 'yolov8:d0.67w0.25'"},
      {"yolov8:d1w1x", "nothing after the multipliers, got 'x'"},
      {"yolov8:d1w1e9", "nothing after the multipliers, got 'e9'"},
      {"yolov9:d1w1", "unknown family 'yolov9'"},
      {"yolov8n:d1w1", "did you mean 'yolov8'"},
      {":d1w1", "unknown family ''"},
  };
  for (const auto& [name, part] : cases) {
    try {
      spec(name);
      ADD_FAILURE() << "expected an Error: " << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::config) << error.what();
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace quench::models
