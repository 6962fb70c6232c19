#include "quench/model.h"

#include "library/runner.h"
#include "quench/version.h"

namespace quench {
inline namespace v0 {
namespace {

Error error_of(const library::Failure& failure) {
  for (const ErrorKind kind :
       {ErrorKind::config, ErrorKind::data, ErrorKind::io, ErrorKind::unsupported, ErrorKind::backend}) {
    if (failure.kind == to_string(kind)) return Error(kind, failure.message);
  }
  return Error(ErrorKind::internal, failure.message);
}

/// Runs what throws Failure.
template <typename Function>
auto translated(const Function& function) {
  try {
    return function();
  } catch (const library::Failure& failure) {
    throw error_of(failure);
  }
}

library::Pixels pixels_of(const ImageView& image) {
  return {image.data, image.height, image.width, image.row_bytes, image.order == PixelOrder::bgr};
}

}  // namespace

const char* to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::config: return "config";
    case ErrorKind::data: return "data";
    case ErrorKind::io: return "io";
    case ErrorKind::unsupported: return "unsupported";
    case ErrorKind::backend: return "backend";
    case ErrorKind::internal: break;
  }
  return "internal";
}

Error::Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
Error::~Error() = default;

std::string version() { return library::built_version(); }

struct Model::Held {
  std::unique_ptr<library::Runner> runner;
};

Model::Model(const std::string& path, const ModelOptions& options)
    : held_(translated(
          [&] { return std::unique_ptr<Held>(new Held{std::make_unique<library::Runner>(path, options.threads)}); })) {}
Model::Model(const void* bytes, std::size_t size, const ModelOptions& options)
    : held_(translated([&] {
        return std::unique_ptr<Held>(new Held{std::make_unique<library::Runner>(bytes, size, options.threads)});
      })) {}
Model::~Model() = default;
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;

Task Model::task() const { return held_->runner->detects() ? Task::detect : Task::classify; }
const std::vector<std::string>& Model::classes() const { return held_->runner->classes(); }
std::string Model::class_name(int label) const {
  const bool named = label >= 0 && static_cast<std::size_t>(label) < classes().size();
  return named ? classes()[static_cast<std::size_t>(label)] : std::to_string(label);
}
int Model::input_height() const { return held_->runner->input_height(); }
int Model::input_width() const { return held_->runner->input_width(); }
bool Model::quantized() const { return held_->runner->quantized(); }
const std::vector<std::string>& Model::notes() const { return held_->runner->notes(); }

std::vector<Detection> Model::detect(const ImageView& image, const DetectOptions& options) {
  return translated([&] {
    std::vector<Detection> out;
    for (const library::FoundObject& found : held_->runner->detect(
             pixels_of(image),
             {options.confidence, options.iou, options.max_detections, options.multi_label, options.class_agnostic})) {
      Detection& one = out.emplace_back();
      one.box.x1 = found.x1;
      one.box.y1 = found.y1;
      one.box.x2 = found.x2;
      one.box.y2 = found.y2;
      one.score = found.score;
      one.label = found.label;
    }
    return out;
  });
}

std::vector<ClassScore> Model::classify(const ImageView& image, int top_k) {
  return translated([&] {
    std::vector<ClassScore> out;
    for (const library::LikelyClass& found : held_->runner->classify(pixels_of(image), top_k)) {
      ClassScore& one = out.emplace_back();
      one.score = found.score;
      one.label = found.label;
    }
    return out;
  });
}

Times Model::times() const {
  Times out;
  out.preprocess_ns = held_->runner->preprocess_ns;
  out.inference_ns = held_->runner->inference_ns;
  out.postprocess_ns = held_->runner->postprocess_ns;
  return out;
}

}  // namespace v0
}  // namespace quench
