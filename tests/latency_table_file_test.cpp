// A table as a file: the same again, and nothing else taken for one.

#include "core/json_text.h"
#include "error_testing.h"
#include "latency_table/table.h"
#include "models/spec.h"

namespace quench::latency_table {
namespace {

const Machine kMachine{"a processor (avx2)", "native", 2, "int8", "1.0"};

std::vector<metrics::ShapedLayer> layers() {
  return metrics::shaped_layers(models::build("yolov8n", {.classes = {"a"}, .imgsz = 64}), true);
}

Table sample() {
  Table table(kMachine);
  table.set_steps({4, 16});
  double ns = 0.125;
  for (const metrics::ShapedLayer& layer : layers()) {
    Grid grid{{1, 2}, {}, {{ns}, {ns * 3}}};
    if (layer.shape.mixes()) grid = {{1, layer.in_channels + 1}, {2, 5, 9}, {{1, 2, ns}, {4, 5, 6.5}}};
    table.add(layer, grid);
    ns *= 1.0 / 3 + 1;
  }
  table.set_model_ns(layers(), 123456.75);
  return table;
}

TEST(TableFile, ReadsWhatItWrote) {
  const Table table = sample();
  const std::string text = json_text(to_json(table));
  const Table again = table_from(parse_json(text, "t"), "t");
  EXPECT_TRUE(again == table);
  EXPECT_EQ(again.id(), table.id());
  EXPECT_EQ(again.machine(), kMachine);
  EXPECT_EQ(again.model_ns(layers()), 123456.75);
  for (const metrics::ShapedLayer& layer : layers()) {
    ASSERT_TRUE(again.has(layer)) << layer.name;
    EXPECT_EQ(again.time_of(layer)(2, 5), table.time_of(layer)(2, 5));
  }
}

TEST(TableFile, TellsLayersModelsAndMachinesApart) {
  Table table = sample();
  const std::string id = table.id();
  metrics::ShapedLayer other = layers().front();
  other.out_channels += 1;
  EXPECT_FALSE(table.has(other)) << "another width";
  other = layers().front();
  other.shape.width += 1;
  EXPECT_FALSE(table.has(other)) << "another size";
  other = layers().front();
  other.shape.integers = false;
  EXPECT_FALSE(table.has(other));
  EXPECT_EQ(error_of([&] { table.time_of(other); }).first, ErrorKind::internal);
  std::vector<metrics::ShapedLayer> fewer = layers();
  fewer.pop_back();
  EXPECT_FALSE(table.model_ns(fewer).has_value());
  table.set_model_ns(fewer, 1);
  EXPECT_NE(table.id(), id);
  for (const Machine& machine :
       {Machine{"b", "native", 2, "int8", "1.0"}, Machine{kMachine.device, "native", 1, "int8", "1.0"},
        Machine{kMachine.device, "native", 2, "fp32", "1.0"}, Machine{kMachine.device, "native", 2, "int8", "1.1"}}) {
    EXPECT_NE(table_file("/c", machine), table_file("/c", kMachine));
  }
}

TEST(TableFile, DamageIsAnError) {
  const Json good = to_json(sample());
  const auto refused = [&](const std::function<void(Json&)>& damage) {
    Json bad = good;
    damage(bad);
    return error_of([&] { table_from(bad, "file"); });
  };
  const std::vector<std::function<void(Json&)>> damages{
      [](Json& j) { j = Json::array(); },
      [](Json& j) { j["format"] = 2; },
      [](Json& j) { j.erase("machine"); },
      [](Json& j) { j["machine"]["threads"] = 0; },
      [](Json& j) { j["machine"]["device"] = 3; },
      [](Json& j) { j["steps"]["in"] = "x"; },
      [](Json& j) { j["layers"] = 3; },
      [](Json& j) { j["models"] = Json::array(); },
      [](Json& j) { j["models"]["a"] = -1; },
      [](Json& j) { j["layers"][0].erase("in"); },
      [](Json& j) { j["layers"][0]["in"] = Json::array(); },
      [](Json& j) {
        j["layers"][0]["in"] = {2, 1};
      },
      [](Json& j) {
        j["layers"][0]["in"] = {1, 1e99};
      },
      [](Json& j) { j["layers"][0]["ns"][0] = Json::array(); },
      [](Json& j) { j["layers"][0]["ns"][0][0] = -1; },
      [](Json& j) { j["layers"][0]["ns"][0][0] = nullptr; },
      [](Json& j) { j["layers"][0]["ns"].erase(0); },
      [](Json& j) { j["layers"][0]["layer"]["shape"]["op"] = "dream"; },
      [](Json& j) {
        j["layers"][0]["layer"]["shape"]["size"] = {0, 4};
      },
      [](Json& j) { j["layers"][0]["layer"]["shape"]["kernel"] = {3}; },
      [](Json& j) { j["layers"][0]["layer"]["shape"]["activation"] = "gelu"; },
      [](Json& j) { j["layers"][0]["layer"]["in"] = 0; },
  };
  for (size_t i = 0; i < damages.size(); ++i) {
    const auto [kind, text] = refused(damages[i]);
    EXPECT_EQ(kind, ErrorKind::data) << i << ": " << text;
    EXPECT_EQ(text.find("file"), 0u) << text;
  }
}

TEST(LayerShapes, AsJsonAndBack) {
  for (const bool integers : {false, true}) {
    for (const char* name : {"yolov5n", "yolov8n", "yolov5n-cls", "yolov8n-cls"}) {
      const auto all = metrics::shaped_layers(models::build(name, {.classes = {"a"}, .imgsz = 64}), integers);
      EXPECT_GT(all.size(), 20u);
      for (const metrics::ShapedLayer& layer : all) {
        EXPECT_TRUE(metrics::layer_shape_from(metrics::to_json(layer.shape), "t") == layer.shape) << layer.name;
      }
    }
  }
}

}  // namespace
}  // namespace quench::latency_table
