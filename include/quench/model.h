#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "quench/detection.h"
#include "quench/error.h"
#include "quench/export.h"
#include "quench/image.h"

namespace quench {
inline namespace v0 {

/// What a model says of a picture.
enum class Task { classify, detect };

struct ModelOptions {
  int threads = 0;  ///< of the model's run, 1 to 1024; 0: as many as this process may use processors
};

/// How boxes are read from a detector's outputs. The defaults are those of `quench predict`.
struct DetectOptions {
  float confidence = 0.25f;     ///< scores must exceed it, [0,1]
  double iou = 0.45;            ///< overlap above which the lesser of two boxes of a class is dropped, [0,1]
  int max_detections = 300;     ///< boxes a picture, 1 to 100000
  bool multi_label = false;     ///< a box for every class above the threshold, not for the best alone
  bool class_agnostic = false;  ///< boxes of different classes drop each other too
};

/// How long the latest detect() or classify() took, in nanoseconds.
struct Times {
  std::int64_t preprocess_ns = 0;   ///< from the picture to the model's input: resize, layout, type
  std::int64_t inference_ns = 0;    ///< the model's run
  std::int64_t postprocess_ns = 0;  ///< from raw outputs to boxes or classes
};

/// A model in quench's native runtime, float or quantized: the same arithmetic, and so the same answers, as
/// `quench predict MODEL --runtime native`.
///
/// Threads: an object is used by one thread at a time; different objects do not know of each other. Nothing is global.
class QUENCH_API Model {
 public:
  /// Reads an ONNX file that quench wrote. Throws Error{io} where it cannot be read, Error{data} where it is damaged,
  /// no model of quench or of another task, Error{unsupported} where the native runtime does not run it, Error{config}
  /// for options out of range.
  explicit Model(const std::string& path, const ModelOptions& options = ModelOptions());
  /// The same from a file's bytes, which are not needed after the call.
  Model(const void* bytes, std::size_t size, const ModelOptions& options = ModelOptions());
  ~Model();
  /// What was moved from can be destroyed and assigned to alone.
  Model(Model&& other) noexcept;
  Model& operator=(Model&& other) noexcept;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  Task task() const;
  /// Names by label; empty where the model has none.
  const std::vector<std::string>& classes() const;
  /// The name of a class; its number where the model has no name for it.
  std::string class_name(int label) const;
  /// What pictures are fitted to, in pixels.
  int input_height() const;
  int input_width() const;
  /// Whether it computes in integers, in part at least.
  bool quantized() const;
  /// What the runtime made of the model, one line a fact ("int8 convolutions: 57 of 60").
  const std::vector<std::string>& notes() const;

  /// The objects in a picture, best first: letterbox (bilinear, centred, gray 114), run, decode, non-maximum
  /// suppression, back to the picture's own pixels. Throws Error{config} for a classifier or options out of range,
  /// Error{data} for a view without pixels or of another size than ImageView's, Error{backend} where the model's
  /// outputs are not finite.
  std::vector<Detection> detect(const ImageView& image, const DetectOptions& options = DetectOptions());

  /// The top_k likeliest classes of a picture (all where there are fewer), best first, equal ones by label: the short
  /// side is resized to the model's, the centre is cropped, or what the model's file says else. Throws as detect(), for
  /// a detector and for top_k below 1.
  std::vector<ClassScore> classify(const ImageView& image, int top_k = 5);

  /// Of the latest detect() or classify(); zeros before.
  Times times() const;

 private:
  struct Held;
  std::unique_ptr<Held> held_;
};

}  // namespace v0
}  // namespace quench
