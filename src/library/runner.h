#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace quench::library {

/// Between the public headers (include/quench/) and the program's own: both have a quench::Error, so no file may see
/// both, and this one names neither's types.

/// What is thrown here; the kind is named as both name it.
struct Failure {
  std::string kind;
  std::string message;
};

/// Pixels as ImageView has them: [height,width,3] uint8.
struct Pixels {
  const uint8_t* data;
  int height, width;
  ptrdiff_t row_bytes;  ///< 0: dense
  bool bgr;
};

/// As DetectOptions.
struct Suppression {
  double confidence, iou;
  int max_detections;
  bool multi_label, class_agnostic;
  bool operator==(const Suppression&) const = default;
};

struct FoundObject {
  double x1, y1, x2, y2;
  float score;
  int label;
};
struct LikelyClass {
  float score;
  int label;
};

/// A model in the native runtime, and what it says of pictures. Every function throws Failure.
class Runner {
 public:
  Runner(const std::string& path, int threads);
  Runner(const void* bytes, size_t size, int threads);
  ~Runner();

  bool detects() const;
  const std::vector<std::string>& classes() const;
  int input_height() const;
  int input_width() const;
  bool quantized() const;
  const std::vector<std::string>& notes() const;

  std::vector<FoundObject> detect(const Pixels& pixels, const Suppression& options);
  std::vector<LikelyClass> classify(const Pixels& pixels, int top_k);

  /// Of the latest picture.
  int64_t preprocess_ns = 0, inference_ns = 0, postprocess_ns = 0;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The version of what is built.
std::string built_version();

}  // namespace quench::library
