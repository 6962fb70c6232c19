// Detectors exported with decoded outputs: what ONNX Runtime computes from the file equals models::decode.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "core/error.h"
#include "core/hash.h"
#include "core/rng.h"
#include "graph/links.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"
#include "graph/passes.h"
#include "graph/shape_inference.h"
#include "graph_samples.h"
#include "models/decode.h"
#include "models/decode_tail.h"
#include "models/nms.h"
#include "models/spec.h"
#include "quench_onnx.pb.h"
#include "runtime/onnxruntime.h"

namespace quench::models {
namespace {

constexpr int kClasses = 7;

graph::Graph detector(const std::string& name, int64_t height, int64_t width) {
  BuildOptions options;
  options.imgsz = 64;
  for (int c = 0; c < kClasses; ++c) options.classes.push_back("class" + std::to_string(c));
  graph::Graph graph = build(name, options);
  // Filters without a mean pass what varies from cell to cell; small variances keep its size on its way.
  Rng rng(3, "batch-norms");
  for (auto& [weight_name, weight] : graph.weights) {
    const std::span<float> values = weight.value.mutable_values<float>();
    if (weight_name.ends_with("running_var")) {
      for (float& v : values) v = static_cast<float>(rng.uniform(0.02, 0.1));
    } else if (weight_name.ends_with("conv.weight")) {
      const size_t filter = values.size() / static_cast<size_t>(weight.value.shape()[0]);
      for (size_t i = 0; i < values.size(); i += filter) {
        const std::span<float> one = values.subspan(i, filter);
        const float mean = std::accumulate(one.begin(), one.end(), 0.f) / static_cast<float>(filter);
        for (float& v : one) v -= mean;
      }
    }
  }
  return graph::with_image_size(std::move(graph), height, width);
}

graph::ModelFile file_of(std::string bytes, const graph::Graph& graph) {
  graph::ModelFile file{"memory.onnx", std::move(bytes), "", graph};
  file.sha256 = sha256_hex(file.bytes);
  return file;
}

graph::ModelFile raw_file(const graph::Graph& graph) { return file_of(graph::write_onnx(graph), graph); }

/// The file with decoded outputs. Its graph is but the interface that a session needs: names of input and outputs.
graph::ModelFile decoded_file(const graph::Graph& graph) {
  graph::Graph interface;
  graph::Edge input = graph.edge(graph.inputs[0]);
  input.quant.reset();
  interface.inputs = {interface.add_edge(input)};
  for (const char* name : {"boxes", "scores"}) {
    interface.outputs.push_back(interface.add_edge({name, {}, DType::f32, std::nullopt}));
  }
  return file_of(write_onnx(graph, decode_tail(graph)), interface);
}

/// Coloured blocks of 16 x 16 pixels.
Tensor random_pixels(int64_t batch, const Shape& image) {
  Tensor pixels(DType::u8, {batch, 3, image[2], image[3]});
  const std::span<uint8_t> values = pixels.mutable_values<uint8_t>();
  for (int64_t i = 0; i < pixels.size(); ++i) {
    const int64_t x = i % image[3], y = i / image[3] % image[2], plane = i / (image[2] * image[3]);
    Rng rng(static_cast<uint64_t>(plane), "block", static_cast<uint64_t>(y / 16), static_cast<uint64_t>(x / 16));
    values[static_cast<size_t>(i)] = static_cast<uint8_t>(rng.below(256));
  }
  return pixels;
}

/// Scales the head's convolutions so that each channel of the raw outputs varies from cell to cell (standard deviation
/// 4) about a mean in [-3,1]: probabilities of all sizes.
graph::Graph spread(graph::Graph graph, const runtime::Runtime& runtime) {
  const auto session = runtime.load(raw_file(graph), {});
  const Tensor input = runtime::to_input(random_pixels(1, graph.edge(graph.inputs[0]).shape), session->input_dtype());
  const std::vector<Tensor> outputs = session->run(input);
  const graph::Links links(graph);
  Rng rng(6, "spread");
  for (size_t i = 0; i < outputs.size(); ++i) {
    graph::Node& node = graph.nodes[static_cast<size_t>(links.producer[static_cast<size_t>(graph.outputs[i])])];
    const std::span<float> weights = graph.weight(node, "weight")->value.mutable_values<float>();
    const std::span<float> bias = graph.weight(node, "bias")->value.mutable_values<float>();
    const size_t filter = weights.size() / bias.size(), cells = static_cast<size_t>(outputs[i].size()) / bias.size();
    for (size_t c = 0; c < bias.size(); ++c) {
      const auto values = outputs[i].values<float>().subspan(c * cells, cells);
      double sum = 0, squares = 0;
      for (const float v : values) sum += v;
      const double mean = sum / static_cast<double>(cells);
      for (const float v : values) squares += (v - mean) * (v - mean);
      const double factor = 4 / std::sqrt(squares / static_cast<double>(cells));
      for (float& w : weights.subspan(c * filter, filter)) w = static_cast<float>(w * factor);
      bias[c] = static_cast<float>(rng.uniform(-3, 1) - factor * (mean - bias[c]));
    }
  }
  return graph;
}

/// Quantized with the ranges that the edges take on one picture. `plain`: batch norm folded.
graph::Graph quantized(const graph::Graph& plain, const graph::samples::QuantizeOptions& options,
                       const runtime::Runtime& runtime) {
  graph::Graph all = plain;  // every edge an output
  all.outputs.clear();
  for (const graph::Node& node : all.nodes)
    all.outputs.insert(all.outputs.end(), node.outputs.begin(), node.outputs.end());
  const Tensor pixels = random_pixels(1, plain.edge(plain.inputs[0]).shape);
  const std::vector<Tensor> values = runtime.load(raw_file(all), {})->run(runtime::to_input(pixels, DType::f32));
  graph::Graph out = graph::samples::quantized(plain, options);
  const auto set_range = [&](graph::EdgeId id, float low, float high) {
    if (!out.edge(id).quant) return;
    graph::QuantParams& quant = *out.edge(id).quant;
    const auto q_min = static_cast<float>(quant.q_min()), q_max = static_cast<float>(quant.q_max());
    const float scale = options.symmetric ? std::max(-low, high) / q_max : (high - low) / (q_max - q_min);
    quant.scale = {scale};
    quant.zero_point = {options.symmetric ? 0 : static_cast<int32_t>(std::nearbyint(q_min - low / scale))};
  };
  set_range(out.inputs[0], 0, 1);
  for (size_t i = 0; i < values.size(); ++i) {
    const auto [low, high] = std::ranges::minmax(values[i].values<float>());
    set_range(all.outputs[i], std::min(low, 0.f), std::max(high, 0.01f));
  }
  for (const graph::Node& node : out.nodes) {
    graph::Weight* bias = out.weight(node, "bias");
    if (!bias || !bias->quant) continue;
    const auto from = plain.required_weight(node, "bias").value.values<float>();
    for (size_t c = 0; c < from.size(); ++c) {
      const float scale = out.edge(node.inputs[0]).quant->scale[0] * out.weight(node, "weight")->quant->scale[c];
      bias->quant->scale[c] = scale;
      bias->value.mutable_values<int32_t>()[c] = static_cast<int32_t>(std::nearbyint(from[c] / scale));
    }
  }
  return out;
}

/// Every form that an exported detector can have.
std::vector<std::pair<std::string, graph::Graph>> forms(const graph::Graph& graph, const runtime::Runtime& runtime) {
  const graph::Graph folded = graph::fold_batch_norms(graph);
  const graph::Graph fused = graph::fuse_activations(folded);
  return {
      {"float", graph},
      {"integer", quantized(graph::decompose_silu(folded), {.pixels = true}, runtime)},
      {"integer outputs", quantized(fused, {.symmetric = true, .outputs = true}, runtime)},
      {"prepared", quantized(fused, {.integer = false}, runtime)},
  };
}

/// Largest difference in units of the tolerance: `absolute`, and `relative` of the value.
double excess(std::span<const float> got, std::span<const float> expected, double relative, double absolute) {
  if (got.size() != expected.size()) return INFINITY;
  double worst = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double off = std::abs(double{got[i]} - double{expected[i]});
    if (std::isnan(off)) return INFINITY;
    worst = std::max(worst, off / (absolute + relative * std::abs(double{expected[i]})));
  }
  return worst;
}

class DecodeTailRuns : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (const auto availability = runtime_->availability(); !availability.available)
      GTEST_SKIP() << availability.reason;
  }
  std::unique_ptr<runtime::Runtime> runtime_ = runtime::onnxruntime_runtime();
};

TEST_P(DecodeTailRuns, EqualsDecode) {
  for (const auto& [height, width] : {std::pair{128, 128}, std::pair{96, 160}}) {
    const graph::Graph spread_graph = spread(detector(GetParam(), height, width), *runtime_);
    const DetectHead head = detect_head(spread_graph);
    const int64_t per_cell = head.anchor_free() ? 1 : 3;
    const int64_t rows = per_cell * height * width * (256 + 64 + 16) / (128 * 128);
    for (const auto& [form, graph] : forms(spread_graph, *runtime_)) {
      const std::string what = fmt::format("{} {}x{} {}", GetParam(), height, width, form);
      const auto raw = runtime_->load(raw_file(graph), {});
      const auto decoded = runtime_->load(decoded_file(graph), {});
      ASSERT_EQ(decoded->input_dtype(), raw->input_dtype()) << what;
      for (const int64_t batch : {1, 3}) {
        const Tensor pixels = random_pixels(batch, graph.edge(graph.inputs[0]).shape);
        const Tensor input = runtime::to_input(pixels, raw->input_dtype());
        const std::vector<Tensor> outputs = raw->run(input);
        const std::vector<Tensor> got = decoded->run(input);
        ASSERT_EQ(got.at(0).shape(), (Shape{batch, rows, 4})) << what;
        ASSERT_EQ(got.at(1).shape(), (Shape{batch, rows, kClasses})) << what;
        for (int64_t image = 0; image < batch; ++image) {
          const Candidates expected = decode(head, outputs, image, -1);  // every row
          ASSERT_EQ(expected.count(), rows) << what;
          const auto part = [&](const Tensor& tensor) {
            const auto values = tensor.values<float>();
            return values.subspan(values.size() / batch * image, values.size() / batch);
          };
          // Boxes: a pixel's 1e-4 where the value itself is near 0 (a difference of large ones). Scores: ONNX Runtime's
          // sigmoid is good to 1e-7 of 1, not of itself.
          EXPECT_LE(excess(part(got[0]), expected.boxes, 1e-4, 1e-4), 1) << what << " image " << image;
          EXPECT_LE(excess(part(got[1]), expected.scores, 1e-4, 1e-6), 1) << what << " image " << image;
          const auto [least, most] = std::ranges::minmax(expected.scores);
          EXPECT_LT(least, 0.01f) << what;  // the comparison saw more than a prior
          EXPECT_GT(most, 0.5f) << what;
        }
      }
    }
  }
}

TEST_P(DecodeTailRuns, OtherLevelsAnchorsAndBins) {  // nothing of the published heads is built in
  const auto [height, width] = std::pair{64, 32};
  graph::samples::Builder b(9);
  const bool anchor_free = std::string_view(GetParam()).starts_with("yolov8");
  const graph::ConvAttributes step{.kernel = {3, 3}, .stride = {4, 4}, .padding = {1, 1}};
  const graph::EdgeId fine = b.conv("a", b.input("images", {1, 3, height, width}), 8, step, true);
  const graph::EdgeId coarse = b.conv("b", fine, 8, step, true);
  b.graph.metadata = {{"task", "detect"}, {"model", "small"}, {"classes", R"(["one"])"}, {"strides", "[16,4]"}};
  if (anchor_free) {
    b.graph.metadata["reg_max"] = "5";
    for (const auto& [name, from] : {std::pair{"coarse", coarse}, std::pair{"fine", fine}}) {
      b.output(b.conv(name + std::string(".sides"), from, 20, {}, true));
      b.output(b.conv(name + std::string(".classes"), from, 1, {}, true));
    }
  } else {
    b.graph.metadata["anchors"] = "[[30,61.5],[10,13,16,30]]";
    b.output(b.conv("coarse", coarse, 6, {}, true));
    b.output(b.conv("fine", fine, 12, {}, true));
  }
  const auto raw = runtime_->load(raw_file(b.graph), {}), decoded = runtime_->load(decoded_file(b.graph), {});
  const Tensor input = runtime::to_input(random_pixels(2, {1, 3, height, width}), DType::f32);
  const std::vector<Tensor> outputs = raw->run(input), got = decoded->run(input);
  for (int64_t image = 0; image < 2; ++image) {
    const Candidates expected = decode(detect_head(b.graph), outputs, image, -1);
    ASSERT_EQ(got[0].shape(), (Shape{2, anchor_free ? 8 + 128 : 8 + 2 * 128, 4}));
    ASSERT_EQ(got[0].shape()[1], expected.count());
    const auto boxes = got[0].values<float>().subspan(expected.boxes.size() * image, expected.boxes.size());
    const auto scores = got[1].values<float>().subspan(expected.scores.size() * image, expected.scores.size());
    EXPECT_LE(excess(boxes, expected.boxes, 1e-4, 1e-4), 1);
    EXPECT_LE(excess(scores, expected.scores, 1e-4, 1e-6), 1);
  }
}

INSTANTIATE_TEST_SUITE_P(Detectors, DecodeTailRuns, testing::Values("yolov5n", "yolov8n"),
                         [](const auto& info) { return std::string(info.param); });

// The example of docs/runtimes.md, word for word.
struct Found {
  float x1, y1, x2, y2, score;
  int label;
};
std::vector<Found> post_process(const float* boxes, const float* scores, int rows, int classes, float confidence,
                                float iou) {
  std::vector<Found> all, kept;
  for (int row = 0; row < rows; ++row) {
    for (int c = 0; c < classes; ++c) {
      const float score = scores[row * classes + c];
      const float* b = boxes + 4 * row;
      if (score > confidence) all.push_back({b[0], b[1], b[2], b[3], score, c});
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const Found& a, const Found& b) { return a.score > b.score; });
  const auto area = [](const Found& f) { return std::max(0.f, f.x2 - f.x1) * std::max(0.f, f.y2 - f.y1); };
  const auto covered = [&](const Found& f) {
    return std::any_of(kept.begin(), kept.end(), [&](const Found& k) {
      const float w = std::min(f.x2, k.x2) - std::max(f.x1, k.x1), h = std::min(f.y2, k.y2) - std::max(f.y1, k.y1);
      const float shared = std::max(0.f, w) * std::max(0.f, h);
      return k.label == f.label && shared > iou * (area(f) + area(k) - shared);
    });
  };
  for (const Found& f : all) {
    if (!covered(f)) kept.push_back(f);
  }
  return kept;
}

TEST(DecodeTailDocs, TheExampleIsNonMaximumSuppression) {
  Rng rng(2, "example");
  Candidates rows;
  rows.classes = 3;
  for (int row = 0; row < 400; ++row) {
    const double x = rng.uniform(0, 100), y = rng.uniform(0, 100), w = rng.uniform(5, 40), h = rng.uniform(5, 40);
    for (const double v : {x, y, x + w, y + h}) rows.boxes.push_back(static_cast<float>(v));
    for (int c = 0; c < 3; ++c) rows.scores.push_back(static_cast<float>(rng.uniform(0, 1)));
  }
  const auto got = post_process(rows.boxes.data(), rows.scores.data(), 400, 3, 0.25f, 0.45f);
  const auto expected = non_max_suppression(rows, {.confidence = 0.25f, .iou = 0.45, .max_detections = 1000});
  ASSERT_EQ(got.size(), expected.size());
  EXPECT_GT(got.size(), 20u);
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].label, expected[i].label);
    EXPECT_EQ(got[i].score, expected[i].score);
    EXPECT_EQ(got[i].x1, expected[i].box.x1);
  }
}

template <typename Function>
std::pair<ErrorKind, std::string> error_of(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return {error.kind(), error.what()};
  }
  return {ErrorKind::internal, "nothing was thrown"};
}

TEST(DecodeTail, TheFileSaysWhatItIs) {
  const graph::Graph graph = detector("yolov8n", 64, 96);
  const std::string bytes = write_onnx(graph, decode_tail(graph));
  EXPECT_EQ(write_onnx(graph, decode_tail(graph)), bytes);
  quench_onnx::ModelProto model;
  ASSERT_TRUE(model.ParseFromString(bytes));
  std::map<std::string, std::string> metadata;
  for (const auto& entry : model.metadata_props()) metadata[entry.key()] = entry.value();
  EXPECT_EQ(metadata["outputs"], "decoded");
  EXPECT_EQ(metadata["imgsz"], "64x96");
  EXPECT_EQ(metadata["classes"], graph.metadata.at("classes"));
  ASSERT_EQ(model.graph().output_size(), 2);
  const auto dims = [&](int i) { return model.graph().output(i).type().tensor_type().shape().dim(); };
  EXPECT_EQ(model.graph().output(0).name(), "boxes");
  EXPECT_EQ(model.graph().output(1).name(), "scores");
  for (int i : {0, 1}) {
    EXPECT_EQ(dims(i)[0].dim_param(), "N");
    EXPECT_EQ(dims(i)[1].dim_value(), 96 + 24 + 6);
  }
  EXPECT_EQ(dims(0)[2].dim_value(), 4);
  EXPECT_EQ(dims(1)[2].dim_value(), kClasses);

  quench_onnx::ModelProto raw;
  ASSERT_TRUE(raw.ParseFromString(graph::write_onnx(graph)));
  ASSERT_GT(model.graph().node_size(), raw.graph().node_size());
  for (int i = 0; i < model.graph().node_size(); ++i) {
    if (i < raw.graph().node_size()) {
      EXPECT_EQ(model.graph().node(i).SerializeAsString(), raw.graph().node(i).SerializeAsString());
    } else {
      EXPECT_TRUE(model.graph().node(i).name().starts_with("decode/")) << model.graph().node(i).name();
    }
  }
}

TEST(DecodeTail, OurReaderRefusesTheFile) {
  for (const char* name : {"yolov5n", "yolov8n"}) {
    const graph::Graph graph = detector(name, 64, 64);
    const auto [kind, message] =
        error_of([&] { graph::read_onnx(write_onnx(graph, decode_tail(graph)), "tool.onnx"); });
    EXPECT_EQ(kind, ErrorKind::data);
    EXPECT_NE(message.find("tool.onnx"), std::string::npos) << message;
    EXPECT_NE(message.find("exported with decoded outputs for other tools; keep the model file itself"),
              std::string::npos)
        << message;
  }
}

TEST(DecodeTail, BadHeads) {
  graph::Graph classifier = build("yolov5n-cls", {.classes = {"a", "b"}, .imgsz = 64});
  EXPECT_EQ(error_of([&] { decode_tail(classifier); }).first, ErrorKind::config);
  graph::Graph graph = detector("yolov5n", 64, 64);
  graph.metadata["strides"] = "[8,16,64]";
  const auto [kind, message] = error_of([&] { decode_tail(graph); });
  EXPECT_EQ(kind, ErrorKind::data);
  EXPECT_NE(message.find("stride 64"), std::string::npos) << message;
}

TEST(OnnxTail, RefusesWhatDoesNotFit) {
  graph::samples::Builder b(4);
  b.output(b.conv("boxes", b.input("images", {1, 3, 8, 8}), 4, {}, true));
  const auto message = [&](auto&& change) {
    graph::OnnxTail tail;
    tail.kind = "test";
    tail.nodes.push_back({"Relu", "tail/relu", {"boxes"}, {{"out", {1, 4, 8, 8}}}, {}});
    tail.outputs = {{"out", {1, 4, 8, 8}}};
    change(tail);
    const auto [kind, text] = error_of([&] { write_onnx(b.graph, tail); });
    EXPECT_TRUE(kind == ErrorKind::data || text == "nothing was thrown") << text;
    return text;
  };
  EXPECT_EQ(message([](auto&) {}), "nothing was thrown");
  EXPECT_NE(message([](auto& t) { t.nodes[0].outputs[0].name = "boxes"; }).find("'boxes' again"), std::string::npos);
  EXPECT_NE(message([](auto& t) { t.nodes[0].name = "boxes"; }).find("'boxes' again"), std::string::npos);
  EXPECT_NE(message([](auto& t) { t.nodes[0].inputs[0] = "none"; }).find("'none' is made by nothing"),
            std::string::npos);
  EXPECT_NE(message([](auto& t) { t.outputs[0].name = "none"; }).find("'none' is made by nothing"), std::string::npos);
  EXPECT_NE(message([](auto& t) { t.kind = ""; }).find("a kind"), std::string::npos);
  b.graph.metadata["outputs"] = "decoded";  // the writer's own word
  EXPECT_NE(error_of([&] { graph::write_onnx(b.graph); }).second.find("metadata without outputs"), std::string::npos);
}

}  // namespace
}  // namespace quench::models
