#include "prediction/predictor.h"

#include "core/clock.h"
#include "core/error.h"
#include "core/task.h"
#include "models/task.h"
#include "prediction/picture_reader.h"
#include "score/finite.h"

namespace quench::prediction {

std::string Vocabulary::class_name(int32_t label) const {
  const bool named = label >= 0 && static_cast<size_t>(label) < classes_.size();
  return named ? classes_[static_cast<size_t>(label)] : std::to_string(label);
}

Vocabulary vocabulary_of(const graph::Graph& graph) {
  const bool objects = require_task(models::task_of(graph), "[prediction]").labels == Labels::objects;
  return {objects, models::class_names(graph)};
}

Predictor::Predictor(Engine& engine, const Json& options) : Vocabulary(vocabulary_of(engine.graph())), engine_(engine) {
  const graph::Graph& graph = engine.graph();
  const Shape& shape = graph.edge(graph.inputs.at(0)).shape;
  InputSize input{static_cast<int>(shape.at(2)), static_cast<int>(shape.at(3))};
  if (const int imgsz = options["imgsz"]; imgsz > 0) input = {imgsz, imgsz};
  reader_ = make_reader(graph, input, options);
  if (!options["rect"].get<bool>() || !detects()) {
    engine_.session(input.height, input.width);  // fails now rather than at the first image
  }
}

Predictor::~Predictor() = default;

Prediction Predictor::predict(const Tensor& pixels) {
  const Shape& shape = pixels.shape();
  ensure(pixels.dtype() == DType::u8 && shape.size() == 3 && shape[2] == 3 && !pixels.empty(),
         "[prediction] expected uint8 pixels [h,w,3], got {} {}", to_string(pixels.dtype()), to_string(shape));
  Prediction out;
  out.height = shape[0];
  out.width = shape[1];
  const Letterbox fitted = reader_->fit(static_cast<int>(shape[0]), static_cast<int>(shape[1]));
  runtime::Session& model = engine_.session(fitted.canvas_height, fitted.canvas_width);
  const int64_t start = now_ns();
  const Shape wanted{1, 3, fitted.canvas_height, fitted.canvas_width};
  if (input_.shape() != wanted || input_.dtype() != model.input_dtype() || input_.shared()) {
    input_ = Tensor(model.input_dtype(), wanted);
  }
  reader_->fill(pixels, fitted, input_);
  const int64_t prepared = now_ns();
  const std::vector<Tensor> outputs = model.run(input_);
  const int64_t ran = now_ns();
  score::require_finite(outputs, engine_.graph());
  reader_->read(outputs, fitted, out);
  out.postprocess_ns = now_ns() - ran;
  out.inference_ns = ran - prepared;
  out.preprocess_ns = prepared - start;
  return out;
}

}  // namespace quench::prediction
