// The native engine's own promises: the bits of a plain integer executor, the same bits on every instruction set and at
// any number of threads, memory shared without harm.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "conformance_cases.h"
#include "core/error.h"
#include "core/hash.h"
#include "graph/onnx_write.h"
#include "graph/passes.h"
#include "graph_samples.h"
#include "integer_executor.h"
#include "models/spec.h"
#include "reference_executor.h"
#include "runtime/native/act_table.h"
#include "runtime/native/isa.h"
#include "runtime/native/layout.h"
#include "runtime/native/native.h"
#include "runtime/native/thread_pool.h"

namespace quench::runtime {
namespace {

using graph::Graph;
using graph::reference::execute_integer;

std::vector<std::string> isas() {
  std::vector<std::string> names;
  for (const native::Isa isa : native::available_isas()) names.emplace_back(native::to_string(isa));
  return names;
}

std::unique_ptr<Session> load(const Graph& graph, const std::string& isa, int threads) {
  graph::ModelFile file{"case.onnx", graph::write_onnx(graph), "", graph};
  file.sha256 = sha256_hex(file.bytes);
  return native_runtime()->load(file, {.threads = threads, .profile_path = "", .isa = isa});
}

/// A model of the project with random weights, of a few small classes.
Graph model(const std::string& name, int64_t imgsz) {
  models::BuildOptions options;
  options.classes = {"a", "b", "c", "d", "e", "f", "g"};
  options.imgsz = imgsz;
  options.seed = 5;
  return models::build(name, options);
}

std::vector<std::pair<std::string, Graph>> integer_graphs() {
  std::vector<std::pair<std::string, Graph>> all;
  for (conformance::Case& c : conformance::cases()) {
    if (c.steps > 0) all.emplace_back(c.name, std::move(c.graph));
  }
  for (auto& [name, graph] : graph::samples::all()) {
    if (name.starts_with("integer")) all.emplace_back(name, graph);
  }
  for (const char* name : {"yolov5n-cls", "yolov8n-cls", "yolov5n", "yolov8n"}) {
    const Graph folded = graph::unfuse_activations(graph::fold_batch_norms(model(name, 64)));
    all.emplace_back(name, graph::samples::quantized(folded, {.pixels = true}));
    all.emplace_back(std::string(name) + " onnxruntime's form",
                     graph::samples::quantized(graph::decompose_silu(folded), {.pixels = true}));
    all.emplace_back(std::string(name) + " with silu in the convolutions",
                     graph::samples::quantized(graph::fuse_activations(folded), {.pixels = true}));
  }
  // Fewer bits: sums of 16 bits, and weights as codes of 4 and 2 bits.
  for (const char* name : {"yolov5n-cls", "yolov8n"}) {
    const Graph folded = graph::unfuse_activations(graph::fold_batch_norms(model(name, 64)));
    for (const int bits : {7, 6, 5, 4, 3, 2}) {
      all.emplace_back(fmt::format("{} of {} bits", name, bits),
                       graph::samples::quantized(folded, {.bits_w = bits, .pixels = true}));
    }
  }
  // Non-uniform levels are integers as others are.
  for (const auto& [bits, levels] : std::vector<std::pair<int, std::vector<int8_t>>>{
           {2, {-40, 0, 31, 100}}, {4, {-64, -32, -16, -8, -4, -2, -1, 0, 1, 2, 4, 8, 16, 32, 64}}}) {
    const Graph folded = graph::unfuse_activations(graph::fold_batch_norms(model("yolov5n-cls", 64)));
    all.emplace_back(fmt::format("levels of {} bits", bits),
                     graph::samples::quantized(folded, {.bits_w = bits, .pixels = true, .levels = levels}));
  }
  // Codes times factors of groups are, too.
  for (const int bits : {2, 3, 4, 5}) {
    const Graph folded = graph::unfuse_activations(graph::fold_batch_norms(model("yolov5n-cls", 64)));
    all.emplace_back(fmt::format("groups of {} bits", bits),
                     graph::samples::quantized(folded, {.bits_w = bits, .pixels = true, .group_size = bits == 4 ? 24 : 16}));
  }
  // As trained weights are: most of them small, so that AVX2 splits the few pairs that its 16 bits do not hold.
  for (const char* name : {"yolov5n-cls", "yolov8n-cls", "yolov5n"}) {
    Graph graph = graph::samples::quantized(graph::unfuse_activations(graph::fold_batch_norms(model(name, 64))), {.pixels = true});
    for (auto& [key, weight] : graph.weights) {
      if (weight.value.dtype() != DType::i8) continue;
      for (int8_t& q : weight.value.mutable_values<int8_t>()) q = static_cast<int8_t>(q * std::abs(int{q}) / 127 * q / 127);
    }
    all.emplace_back(std::string(name) + " of small weights", std::move(graph));
  }
  return all;
}

TEST(NativeEngine, EqualsTheIntegerExecutorToTheBit) {
  int compared = 0;
  for (const auto& [name, graph] : integer_graphs()) {
    const Tensor image = graph::reference::random_inputs(graph, 1, 31)[0];
    std::vector<Tensor> expected;
    try {
      expected = execute_integer(graph, image);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::unsupported) throw;
      continue;
    }
    ++compared;
    for (const std::string& isa : isas()) {
      for (const int threads : {1, 3}) {
        EXPECT_EQ(load(graph, isa, threads)->run(image), expected) << name << " on " << isa << ", threads " << threads;
      }
    }
  }
  EXPECT_GE(compared, 40);
}

TEST(NativeEngine, SiluOfBytesIsSilu) {
  for (float x = -40; x < 40; x += 0.0037f) {
    const double exact = x / (1 + std::exp(-double{x}));
    EXPECT_NEAR(graph::reference::silu_of_bytes(x), exact, std::abs(x) < 4 ? 1e-4 : std::abs(x) <= 9 ? 3e-4 : 1e-3) << x;
  }
  EXPECT_EQ(graph::reference::silu_of_bytes(0), 0);
}

TEST(NativeEngine, FloatBitsAreTheSameEverywhere) {
  std::vector<std::pair<std::string, Graph>> graphs;
  for (conformance::Case& c : conformance::cases()) {
    if (c.name != "batch_norm" && c.name != "int8_float_weights_prepared") graphs.emplace_back(c.name, std::move(c.graph));
  }
  for (const char* name : {"yolov5n-cls", "yolov8n-cls", "yolov5n", "yolov8n"}) {
    graphs.emplace_back(name, model(name, 64));
    const Graph folded = graph::fold_batch_norms(model(name, 64));
    graphs.emplace_back(fmt::format("{} of dynamic ranges", name),
                        graph::samples::quantized(graph::unfuse_activations(folded), {.pixels = true, .dynamic = true}));
  }
  for (const auto& [name, graph] : graphs) {
    const Tensor image = graph::reference::random_inputs(graph, 1, 37)[0];
    const std::vector<Tensor> expected = load(graph, "plain", 1)->run(image);
    for (const std::string& isa : isas()) {
      for (const int threads : {1, 2}) EXPECT_EQ(load(graph, isa, threads)->run(image), expected) << name << " on " << isa;
    }
  }
}

TEST(NativeEngine, LargestProductsDoNotSaturate) {
  graph::samples::Builder b(1);
  b.graph.metadata = {{"task", "classify"}, {"model", "saturation"}};
  const graph::EdgeId x = b.input("images", {1, 64, 3, 3});
  b.output(b.conv("conv", x, 16, {.kernel = {3, 3}, .padding = {1, 1}}, true));
  Graph graph = graph::samples::quantized(b.graph, {.pixels = true});
  Tensor& weight = graph.weights.at("conv.weight").value;
  for (const int largest : {127, 65, 64, 63, 33, 31, 15, 8, 7, 3, 2, 1}) {  // each side of where sums of 16 bits end
    for (const int smallest : {-largest, largest - 1}) {                     // two levels: codes; and all of one sign
      for (size_t i = 0; i < weight.values<int8_t>().size(); ++i) {
        weight.mutable_values<int8_t>()[i] = static_cast<int8_t>(i % 1152 < 576 ? largest : smallest);
      }
      for (const uint8_t pixel : {0, 255}) {
        Tensor image(DType::u8, {1, 64, 3, 3});
        for (uint8_t& value : image.mutable_values<uint8_t>()) value = pixel;
        const auto expected = execute_integer(graph, image);
        for (const std::string& isa : isas()) {
          EXPECT_EQ(load(graph, isa, 1)->run(image), expected) << isa << ", weights " << smallest << ", " << largest;
        }
      }
    }
  }
}

TEST(NativeEngine, SplitPairsDoNotSaturate) {
  constexpr int8_t kPairs[][2] = {{127, 127}, {-127, -127}, {127, 2}, {2, 127}, {-2, -127}, {127, -127}, {64, 65}, {-65, -64}};
  for (const int64_t kernel : {1, 3}) {
    graph::samples::Builder b(1);
    b.graph.metadata = {{"task", "classify"}, {"model", "pairs"}};
    const graph::EdgeId x = b.input("images", {1, 64, 5, 5});
    b.output(b.conv("conv", x, 40, {.kernel = {kernel, kernel}, .padding = {kernel / 2, kernel / 2}}, true));
    Graph graph = graph::samples::quantized(b.graph, {.pixels = true});
    const auto weights = graph.weights.at("conv.weight").value.mutable_values<int8_t>();
    std::ranges::fill(weights, int8_t{1});
    const size_t area = static_cast<size_t>(kernel * kernel), pairs = weights.size() / area / 2;
    for (size_t i = 0, which = 0; i < pairs; i += 37, ++which) {  // channels 2i and 2i + 1 at the first place of the window
      weights[2 * i * area] = kPairs[which % std::size(kPairs)][0];
      weights[(2 * i + 1) * area] = kPairs[which % std::size(kPairs)][1];
    }
    for (const uint8_t pixel : {0, 1, 255}) {
      Tensor image(DType::u8, {1, 64, 5, 5});
      for (uint8_t& value : image.mutable_values<uint8_t>()) value = pixel;
      const auto expected = execute_integer(graph, image);
      for (const std::string& isa : isas()) {
        for (const int threads : {1, 3}) EXPECT_EQ(load(graph, isa, threads)->run(image), expected) << isa << " " << kernel;
      }
    }
  }
}

TEST(NativeEngine, AnswersWhatItCannotDo) {
  const Graph graph = model("yolov5n-cls", 32);
  try {
    load(graph, "avx3", 1);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::config);
    EXPECT_NE(std::string(error.what()).find("did you mean 'avx2'"), std::string::npos) << error.what();
  }
#if defined(__x86_64__)
  const char* foreign = "neon";
#else
  const char* foreign = "avx2";
#endif
  try {
    load(graph, foreign, 1);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unsupported) << error.what();
  }
}

TEST(NativeEngine, ImagesAtOnceAreAsImagesAlone) {
  for (const bool integer : {true, false}) {
    Graph graph = model("yolov8n-cls", 64);
    if (integer) graph = graph::samples::quantized(graph::unfuse_activations(graph::fold_batch_norms(graph)), {.pixels = true});
    const auto alone = load(graph, isas().front(), 1), together = load(graph, isas().front(), 3);
    for (const int64_t images : {5, 2, 7, 1}) {
      const Tensor batch = graph::reference::random_inputs(graph, images, 41)[0];
      EXPECT_EQ(together->run(batch), alone->run(batch)) << images << " images, integers " << integer;
    }
  }
}

TEST(NativeEngine, KeepsOutputsThatTheCallerHolds) {
  const Graph graph = model("yolov5n-cls", 32);
  const auto session = load(graph, "", 1);
  const Tensor first = graph::reference::random_inputs(graph, 1, 1)[0], second = graph::reference::random_inputs(graph, 2, 2)[0];
  const std::vector<Tensor> held = session->run(first);
  const std::vector<float> before(held[0].values<float>().begin(), held[0].values<float>().end());
  EXPECT_NE(session->run(second)[0], held[0]);
  EXPECT_TRUE(std::equal(before.begin(), before.end(), held[0].values<float>().begin()));
  EXPECT_EQ(session->run(first), held);
}

TEST(NativeEngine, TellsTheTimeOfEveryLayer) {
  const Graph graph = model("yolov5n-cls", 32);
  graph::ModelFile file{"case.onnx", graph::write_onnx(graph), "", graph};
  const auto session = native_runtime()->load(file, {.threads = 1, .profile_path = "", .isa = "", .layer_times = true});
  session->run(graph::reference::random_inputs(graph, 1, 1)[0]);
  int64_t macs = 0;
  for (const LayerTime& layer : session->layer_times()) {
    macs += layer.macs;
    EXPECT_TRUE(layer.macs == 0 || layer.time_ns > 0) << layer.layer;
    EXPECT_TRUE(layer.macs == 0 || layer.peak_gmacs > 0) << layer.layer;
  }
  int64_t expected = 0;
  for (const graph::Node& node : graph.nodes) {
    if (const graph::Weight* weight = graph.weight(node, "weight"); weight && node.op != graph::Op::batch_norm) {
      const Shape& shape = graph.edge(node.outputs[0]).shape;
      expected += weight->value.size() * (shape.size() == 4 ? shape[2] * shape[3] : 1);
    }
  }
  EXPECT_EQ(macs, expected);
}

// A peak that is timed wrong shows as a layer that is faster than the peak. `plain` is left out: its peak calls the C
// library's fmaf, its layers may not.
TEST(NativeEngine, NoLayerIsFasterThanThePeak) {
  const Graph whole = model("yolov5n-cls", 64);
  std::vector<Graph> graphs{whole};
  for (const int bits : {8, 7, 4}) {  // products are added in 32 bits, or in 16
    graphs.push_back(graph::samples::quantized(graph::unfuse_activations(graph::fold_batch_norms(whole)),
                                               {.bits_w = bits, .pixels = true}));
  }
  for (const Graph& graph : graphs) {
    graph::ModelFile file{"case.onnx", graph::write_onnx(graph), "", graph};
    const Tensor input = graph::reference::random_inputs(graph, 1, 1)[0];
    for (const native::Isa isa : native::available_isas()) {
      if (isa == native::Isa::plain) continue;
      const auto session = native_runtime()->load(
          file, {.threads = 1, .profile_path = "", .isa = native::to_string(isa), .layer_times = true});
      for (int run = 0; run < 3; ++run) {
        session->run(input);
        for (const LayerTime& layer : session->layer_times()) {
          if (layer.macs == 0) continue;
          ASSERT_GT(layer.time_ns, 0) << layer.layer;
          const double share = static_cast<double>(layer.products) / static_cast<double>(layer.time_ns) / layer.peak_gmacs;
          EXPECT_LE(share, 1.1) << native::to_string(isa) << " " << layer.layer;
        }
      }
    }
  }
}

TEST(NativeTable, LogisticIsThatOfTheLibrary) {
  for (double x = -50; x <= 50; x += 0.37) EXPECT_NEAR(native::logistic(x) * (1 + std::exp(-x)), 1, 1e-13) << x;
}

TEST(NativeTable, RoundsHalvesToEvenAndClamps) {
  const native::Step8 step{0.5f, 10, 0, 255};
  EXPECT_EQ(native::quantized(0.25, step), 10);   // half a step: 0 is even
  EXPECT_EQ(native::quantized(0.75, step), 12);   // one and a half
  EXPECT_EQ(native::quantized(-0.75, step), 8);
  EXPECT_EQ(native::quantized(1e30, step), 255);
  EXPECT_EQ(native::quantized(-1e30, step), 0);
}

TEST(NativeTable, GateRoundsAsItsThreeStepsInFloatDo) {
  int apart = 0;  // where one rounding in float64 gives another integer
  for (int i = 1; i <= 300; ++i) {
    const native::Step8 from{0.047f + 1e-3f * static_cast<float>(i % 20), 85, 0, 255};
    const native::Step8 sigmoid{0.05f + 1e-4f * static_cast<float>(i / 20), 85, 0, 255}, to{0.05f, 85, 0, 255};
    const native::Table table = native::gate_table(from, sigmoid, to);
    for (int q = 0; q < 256; ++q) {
      const float x = static_cast<float>(q - from.zero_point) * from.scale;
      const int opened = native::quantized(native::logistic(x), sigmoid);
      const float product = x * (static_cast<float>(opened - sigmoid.zero_point) * sigmoid.scale);
      const float steps = std::clamp(std::nearbyint(product / to.scale), -85.0f, 170.0f);
      EXPECT_EQ(table[static_cast<size_t>(q)], static_cast<int>(steps) + 85) << i << " " << q;
      apart += table[static_cast<size_t>(q)] !=
               native::quantized(native::dequantized(q, from) * native::dequantized(opened, sigmoid), to);
    }
  }
  EXPECT_GT(apart, 0);
}

TEST(NativeLayout, SharesMemoryOnlyWhereLifetimesDoNotMeet) {
  for (const char* name : {"yolov5n", "yolov8n", "yolov8n-cls"}) {
    const native::Program program = native::lower(model(name, 64));
    const native::Layout layout = native::lay_out(program);
    EXPECT_LT(layout.arena_bytes, layout.values_bytes / 2) << name;
    for (size_t i = 0; i < layout.buffers.size(); ++i) {
      const native::Buffer& a = layout.buffers[i];
      EXPECT_LE(a.offset + a.bytes(), layout.arena_bytes);
      for (size_t k = i + 1; k < layout.buffers.size(); ++k) {
        const native::Buffer& b = layout.buffers[k];
        const bool together = a.first_use <= b.last_use && b.first_use <= a.last_use;
        const bool apart = a.offset + a.bytes() <= b.offset || b.offset + b.bytes() <= a.offset;
        EXPECT_TRUE(!together || apart) << name << ": buffers " << i << " and " << k;
      }
    }
  }
}

TEST(NativeLayout, ConcatsOfTheModelsCopyNothing) {
  for (const char* name : {"yolov5n", "yolov8n"}) {
    const native::Program program = native::lower(model(name, 64));
    const native::Layout layout = native::lay_out(program);
    int parts = 0, copied = 0;
    for (const native::Instruction& instruction : program.instructions) {
      if (instruction.kind != native::Kind::concat) continue;
      for (size_t i = 0; i < instruction.inputs.size(); ++i) {
        ++parts;
        copied += !native::in_place(layout, program, instruction, i);
      }
    }
    EXPECT_GT(parts, 20) << name;
    EXPECT_EQ(copied, 0) << name;
  }
}

TEST(NativeThreadPool, EveryIndexOnce) {
  native::ThreadPool pool(4);
  for (int round = 0; round < 20; ++round) {
    pool.start();
    for (const int64_t count : {0, 1, 2, 3, 64, 1000}) {
      std::vector<std::atomic<int>> seen(static_cast<size_t>(count));
      pool.each(count, [&](int64_t i) { ++seen[static_cast<size_t>(i)]; });
      for (const auto& times : seen) ASSERT_EQ(times, 1);
    }
    pool.finish();
  }
}

}  // namespace
}  // namespace quench::runtime
