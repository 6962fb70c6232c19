#pragma once

#include <memory>
#include <span>

#include "core/json.h"
#include "core/letterbox.h"
#include "core/tensor.h"
#include "graph/graph.h"
#include "prediction/predictor.h"

namespace quench::prediction {

/// What a task is on the side of pictures: how one is fitted to a model's input, and what the raw outputs say of it.
class PictureReader {
 public:
  virtual ~PictureReader() = default;

  /// How a picture of that size is fitted.
  virtual Letterbox fit(int height, int width) const = 0;
  /// pixels: [h,w,3] uint8 RGB, drawn as fitted into a model's input: [1,3,canvas height,canvas width], uint8 or
  /// float32 (value / 255). Keeps scratch memory.
  virtual void fill(const Tensor& pixels, const Letterbox& fitted, Tensor& input) = 0;
  /// Fills what the raw outputs (finite) of one picture say.
  virtual void read(std::span<const Tensor> outputs, const Letterbox& fitted, Prediction& prediction) const = 0;
};

/// The input size that pictures are fitted to.
struct InputSize {
  int height = 0, width = 0;
};

/// The reader of the graph's task. options: as Predictor. Throws Error{data} for a task that there is not.
std::unique_ptr<PictureReader> make_reader(const graph::Graph& graph, InputSize input, const Json& options);

}  // namespace quench::prediction
