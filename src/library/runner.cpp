#include "library/runner.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>

#include "core/error.h"
#include "core/hash.h"
#include "core/processors.h"
#include "core/task.h"
#include "graph/quantized.h"
#include "models/task.h"
#include "prediction/predictor.h"
#include "runtime/native/native.h"

namespace quench::library {
namespace {

constexpr int kLargestSide = 65535;
constexpr int kMostThreads = 1024;

/// Runs a function of ours, whose errors then bear no type of ours.
template <typename Function>
auto guarded(const Function& function) {
  try {
    return function();
  } catch (const Error& error) {
    throw Failure{to_string(error.kind()), error.what()};
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    throw Failure{to_string(ErrorKind::internal), error.what()};
  }
}

graph::ModelFile model_of(const void* bytes, size_t size) {
  graph::ModelFile model{"model in memory", std::string(static_cast<const char*>(bytes), size), "", {}};
  model.sha256 = sha256_hex(model.bytes);
  model.graph = graph::read_onnx(model.bytes, model.path.string());
  return model;
}

/// The pixels side by side, as RGB.
Tensor tensor_of(const Pixels& pixels) {
  const auto fits = [](int side) { return side >= 1 && side <= kLargestSide; };
  if (!pixels.data || !fits(pixels.height) || !fits(pixels.width)) {
    fail(ErrorKind::data, "[library] expected a picture of 1x1 to {}x{} pixels, got {}x{}{}", kLargestSide,
         kLargestSide, pixels.height, pixels.width, pixels.data ? "" : " without data");
  }
  const ptrdiff_t dense = ptrdiff_t{3} * pixels.width;
  const ptrdiff_t row_bytes = pixels.row_bytes == 0 ? dense : pixels.row_bytes;
  if (row_bytes < dense) {
    fail(ErrorKind::data, "[library] expected rows of {} bytes or more, got {}", dense, row_bytes);
  }
  Tensor out(DType::u8, {pixels.height, pixels.width, 3});
  uint8_t* to = out.mutable_values<uint8_t>().data();
  for (int y = 0; y < pixels.height; ++y, to += dense) {
    const uint8_t* from = pixels.data + y * row_bytes;
    std::memcpy(to, from, static_cast<size_t>(dense));
    for (ptrdiff_t x = 0; pixels.bgr && x < dense; x += 3) std::swap(to[x], to[x + 2]);
  }
  return out;
}

void require_range(const char* what, double value, double least, double most) {
  if (value >= least && value <= most) return;
  fail(ErrorKind::config, "[library] expected {} in [{:g},{:g}], got {:g}", what, least, most, value);
}

}  // namespace

struct Runner::State {
  graph::ModelFile model;
  std::unique_ptr<runtime::Runtime> runtime;
  std::unique_ptr<prediction::Engine> engine;
  std::unique_ptr<prediction::Predictor> predictor;
  Suppression suppression{0.25, 0.45, 300, false, false};
  int top_k = 5;
  bool detects = false, quantized = false;
  int height = 0, width = 0;
  std::vector<std::string> notes;

  State(graph::ModelFile file, int threads) : model(std::move(file)) {
    require_range("threads", threads, 0, kMostThreads);
    runtime = runtime::native_runtime();
    runtime::SessionOptions options;
    options.threads = threads > 0 ? threads : usable_processors();
    engine = std::make_unique<prediction::Engine>(*runtime, model, options);
    notes = engine->session().notes();
    const Shape& shape = model.graph.edge(model.graph.inputs.at(0)).shape;
    height = static_cast<int>(shape.at(2));
    width = static_cast<int>(shape.at(3));
    detects = labels_of(models::task_of(model.graph)) == Labels::objects;
    quantized = graph::is_quantized(model.graph);
    prepare();
  }

  /// A predictor of the settings of now.
  void prepare() {
    const Json settings{{"confidence", suppression.confidence},
                        {"iou", suppression.iou},
                        {"max_detections", suppression.max_detections},
                        {"multi_label", suppression.multi_label},
                        {"class_agnostic", suppression.class_agnostic},
                        {"rect", false},
                        {"imgsz", 0},
                        {"top", top_k}};
    predictor = std::make_unique<prediction::Predictor>(*engine, settings);
  }

  /// What the model says of a picture; the runner tells how long that took.
  prediction::Prediction predict(const Pixels& pixels, Runner& runner) {
    prediction::Prediction said = predictor->predict(tensor_of(pixels));
    runner.preprocess_ns = said.preprocess_ns;
    runner.inference_ns = said.inference_ns;
    runner.postprocess_ns = said.postprocess_ns;
    return said;
  }
};

Runner::Runner(const std::string& path, int threads)
    : state_(guarded([&] { return std::make_unique<State>(graph::read_model(path), threads); })) {}
Runner::Runner(const void* bytes, size_t size, int threads)
    : state_(guarded([&] { return std::make_unique<State>(model_of(bytes, size), threads); })) {}
Runner::~Runner() = default;

bool Runner::detects() const { return state_->detects; }
const std::vector<std::string>& Runner::classes() const { return state_->predictor->classes(); }
int Runner::input_height() const { return state_->height; }
int Runner::input_width() const { return state_->width; }
bool Runner::quantized() const { return state_->quantized; }
const std::vector<std::string>& Runner::notes() const { return state_->notes; }

std::vector<FoundObject> Runner::detect(const Pixels& pixels, const Suppression& options) {
  return guarded([&] {
    if (!state_->detects) fail(ErrorKind::config, "[library] expected a detector, got a classifier: use classify()");
    require_range("a confidence", options.confidence, 0, 1);
    require_range("an iou", options.iou, 0, 1);
    require_range("max_detections", options.max_detections, 1, 100000);
    if (!(options == state_->suppression)) {
      state_->suppression = options;
      state_->prepare();
    }
    const prediction::Prediction said = state_->predict(pixels, *this);
    std::vector<FoundObject> out;
    for (const models::Detection& found : said.detections) {
      out.push_back({found.box.x1, found.box.y1, found.box.x2, found.box.y2, found.score, found.label});
    }
    return out;
  });
}

std::vector<LikelyClass> Runner::classify(const Pixels& pixels, int top_k) {
  return guarded([&] {
    if (state_->detects) fail(ErrorKind::config, "[library] expected a classifier, got a detector: use detect()");
    if (top_k < 1) fail(ErrorKind::config, "[library] expected top_k of 1 or more, got {}", top_k);
    if (top_k != state_->top_k) {
      state_->top_k = top_k;
      state_->prepare();
    }
    const prediction::Prediction said = state_->predict(pixels, *this);
    std::vector<LikelyClass> out;
    for (const prediction::ClassScore& entry : said.top) out.push_back({entry.score, entry.label});
    return out;
  });
}

std::string built_version() { return QUENCH_VERSION; }

}  // namespace quench::library
