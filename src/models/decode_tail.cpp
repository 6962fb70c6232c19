#include "models/decode_tail.h"

#include <utility>

#include "core/error.h"

namespace quench::models {
namespace {

using Attributes = std::map<std::string, graph::TailNode::Attribute>;

/// A float32 tensor on its way through the tail.
using graph::TailValue;

/// Appends operators; each is named after what it makes.
class Builder {
 public:
  TailValue node(const char* op_type, const std::string& name, const std::vector<std::string>& inputs, Shape shape,
                 Attributes attributes = {}) {
    TailValue made{name, std::move(shape)};
    tail_.nodes.push_back({op_type, name, inputs, {made}, std::move(attributes)});
    return made;
  }

  std::string constant(const std::string& name, const std::vector<float>& values, Shape shape) {
    tail_.constants.emplace_back(name, Tensor::from(values, std::move(shape)));
    return name;
  }

  /// `shape`: of one image, dimension 0 is 1 and stays what it is in a batch.
  TailValue reshape(const std::string& name, const TailValue& x, const Shape& shape) {
    Shape kept = shape;
    kept[0] = 0;  // ONNX: as in the input
    const Tensor dims = Tensor::from(kept, {static_cast<int64_t>(kept.size())});
    tail_.constants.emplace_back(name + "/shape", dims);
    return node("Reshape", name, {x.name, name + "/shape"}, shape);
  }

  TailValue transpose(const std::string& name, const TailValue& x, const std::vector<int64_t>& order) {
    Shape shape;
    for (const int64_t axis : order) shape.push_back(x.shape[static_cast<size_t>(axis)]);
    return node("Transpose", name, {x.name}, shape, {{"perm", order}});
  }

  /// The part from..to of the last axis. (Not Split: OpenCV 4.6 reads only parts of equal size.)
  TailValue slice(const std::string& name, const TailValue& x, int64_t from, int64_t to) {
    const auto axis = static_cast<int64_t>(x.shape.size()) - 1;
    std::vector<std::string> inputs{x.name};
    for (const auto& [what, value] : {std::pair{"/starts", from}, std::pair{"/ends", to}, std::pair{"/axes", axis}}) {
      tail_.constants.emplace_back(name + what, Tensor::from(std::vector<int64_t>{value}, {1}));
      inputs.push_back(name + what);
    }
    Shape shape = x.shape;
    shape.back() = to - from;
    return node("Slice", name, inputs, shape);
  }

  TailValue concat(const std::string& name, const std::vector<TailValue>& parts, int64_t axis) {
    Shape shape = parts.front().shape;
    std::vector<std::string> inputs;
    shape[static_cast<size_t>(axis)] = 0;
    for (const TailValue& part : parts) {
      inputs.push_back(part.name);
      shape[static_cast<size_t>(axis)] += part.shape[static_cast<size_t>(axis)];
    }
    return node("Concat", name, inputs, shape, {{"axis", axis}});
  }

  /// The levels' rows under one another, as an output of the file.
  void output(const std::string& name, const std::vector<TailValue>& levels) {
    concat("decode/" + name, levels, 1);
    TailValue& made = tail_.nodes.back().outputs.front();
    made.name = name;
    tail_.outputs.push_back(made);
  }

  graph::OnnxTail take() { return std::move(tail_); }

 private:
  graph::OnnxTail tail_;
};

/// The rows of one level: boxes [1,rows,4], scores [1,rows,classes].
struct Rows {
  TailValue boxes;
  TailValue scores;
};

struct Level {
  std::string name;  ///< "decode/level0"
  int64_t height = 0;
  int64_t width = 0;
  int64_t stride = 0;
  int64_t cells() const { return height * width; }
};

/// x and y of every cell plus `shift`, in pixels: [cells,2].
std::vector<float> grid(const Level& level, float shift) {
  std::vector<float> values;
  for (int64_t y = 0; y < level.height; ++y) {
    for (int64_t x = 0; x < level.width; ++x) {
      values.push_back((static_cast<float>(x) + shift) * static_cast<float>(level.stride));
      values.push_back((static_cast<float>(y) + shift) * static_cast<float>(level.stride));
    }
  }
  return values;
}

/// YOLOv5: [1, anchors * (5 + classes), H, W] -> rows of s = logistic(t). Constants have a row for each, for not every
/// tool can spread them over anchors or cells (OpenCV 4.6).
Rows decode_anchors(Builder& tail, const Level& level, const graph::Edge& output,
                    const std::vector<std::array<double, 2>>& anchors, int64_t classes) {
  const auto count = static_cast<int64_t>(anchors.size());
  const int64_t cells = level.cells(), rows = count * cells;
  const std::string& at = level.name;
  TailValue s = tail.reshape(at + "/anchors", {output.name, output.shape}, {1, count, 5 + classes, cells});
  s = tail.transpose(at + "/cells", s, {0, 1, 3, 2});
  s = tail.reshape(at + "/rows", s, {1, rows, 5 + classes});
  s = tail.node("Sigmoid", at + "/sigmoid", {s.name}, s.shape);
  const TailValue xy = tail.slice(at + "/xy", s, 0, 2), wh = tail.slice(at + "/wh", s, 2, 4);
  const TailValue objectness = tail.slice(at + "/objectness", s, 4, 5);
  const TailValue class_parts = tail.slice(at + "/classes", s, 5, 5 + classes);

  std::vector<float> offsets, sizes;
  for (const auto& [width, height] : anchors) {
    const std::vector<float> one = grid(level, -0.5f);
    offsets.insert(offsets.end(), one.begin(), one.end());
    for (int64_t cell = 0; cell < cells; ++cell) {
      sizes.push_back(2 * static_cast<float>(width));
      sizes.push_back(2 * static_cast<float>(height));
    }
  }
  // xy = 2 stride s + (cell - 0.5) stride
  const std::string step = tail.constant(at + "/step", {2 * static_cast<float>(level.stride)}, {1});
  const std::string offset = tail.constant(at + "/offset", offsets, {1, rows, 2});
  TailValue centre = tail.node("Mul", at + "/within_cell", {xy.name, step}, xy.shape);
  centre = tail.node("Add", at + "/centre", {centre.name, offset}, xy.shape);

  // wh / 2 = s s (2 anchor)
  const std::string twice = tail.constant(at + "/twice_anchor", sizes, {1, rows, 2});
  TailValue half = tail.node("Mul", at + "/wh_squared", {wh.name, wh.name}, wh.shape);
  half = tail.node("Mul", at + "/half_size", {half.name, twice}, wh.shape);

  const TailValue low = tail.node("Sub", at + "/x1y1", {centre.name, half.name}, xy.shape);
  const TailValue high = tail.node("Add", at + "/x2y2", {centre.name, half.name}, xy.shape);
  return {tail.concat(at + "/boxes", {low, high}, 2),
          tail.node("Mul", at + "/scores", {class_parts.name, objectness.name}, class_parts.shape)};
}

/// YOLOv8: [1, 4 * reg_max, H, W] and [1, classes, H, W].
Rows decode_distances(Builder& tail, const Level& level, const graph::Edge& sides, const graph::Edge& logits,
                      int64_t reg_max, int64_t classes) {
  const int64_t cells = level.cells();
  const std::string& at = level.name;
  // Distances in pixels: the expectation of softmax over the bins i, each i stride long.
  TailValue x = tail.reshape(at + "/sides", {sides.name, sides.shape}, {1, 4, reg_max, cells});
  x = tail.transpose(at + "/bins_last", x, {0, 3, 1, 2});
  x = tail.node("Softmax", at + "/softmax", {x.name}, x.shape, {{"axis", int64_t{3}}});
  std::vector<float> bins;
  for (int64_t i = 0; i < reg_max; ++i) bins.push_back(static_cast<float>(i * level.stride));
  const std::string weights = tail.constant(at + "/bins", bins, {reg_max, 1});
  x = tail.node("MatMul", at + "/expectation", {x.name, weights}, {1, cells, 4, 1});
  x = tail.reshape(at + "/distances", x, {1, cells, 4});

  const TailValue left_top = tail.slice(at + "/left_top", x, 0, 2);
  const TailValue right_bottom = tail.slice(at + "/right_bottom", x, 2, 4);
  const std::string centres = tail.constant(at + "/centres", grid(level, 0.5f), {1, cells, 2});
  const TailValue low = tail.node("Sub", at + "/x1y1", {centres, left_top.name}, left_top.shape);
  const TailValue high = tail.node("Add", at + "/x2y2", {centres, right_bottom.name}, left_top.shape);

  TailValue scores = tail.reshape(at + "/classes", {logits.name, logits.shape}, {1, classes, cells});
  scores = tail.transpose(at + "/cells", scores, {0, 2, 1});
  return {tail.concat(at + "/boxes", {low, high}, 2),
          tail.node("Sigmoid", at + "/scores", {scores.name}, scores.shape)};
}

/// The level whose grid `output` has.
Level level_of(const graph::Graph& graph, const graph::Edge& output, size_t index, int64_t stride) {
  const Shape& image = graph.edge(graph.inputs.at(0)).shape;
  const Shape& shape = output.shape;  // detect_head has checked its rank
  if (image.size() != 4 || stride < 1 || shape[2] * stride != image[2] || shape[3] * stride != image[3]) {
    fail(ErrorKind::data, "[models.decode_tail] expected a grid of stride {} over {}, got {} (output {})", stride,
         to_string(image), to_string(shape), output.name);
  }
  return {fmt::format("decode/level{}", index), shape[2], shape[3], stride};
}

}  // namespace

graph::OnnxTail decode_tail(const graph::Graph& graph) {
  const DetectHead head = detect_head(graph);
  const int64_t classes = head.class_count();
  if (classes < 1 || head.strides.empty()) {
    fail(ErrorKind::data, "[models.decode_tail] expected classes and levels, got {} and {}", classes,
         head.strides.size());
  }
  Builder tail;
  std::vector<TailValue> boxes, scores;
  for (size_t i = 0; i < head.strides.size(); ++i) {
    const auto output = [&](size_t j) -> const graph::Edge& { return graph.edge(graph.outputs.at(j)); };
    const size_t first = i * static_cast<size_t>(head.outputs_per_level());
    const Level level = level_of(graph, output(first), i, head.strides[i]);
    if (head.anchor_free()) level_of(graph, output(first + 1), i, head.strides[i]);
    const Rows rows = head.anchor_free()
                          ? decode_distances(tail, level, output(first), output(first + 1), head.reg_max, classes)
                          : decode_anchors(tail, level, output(first), head.anchors[i], classes);
    boxes.push_back(rows.boxes);
    scores.push_back(rows.scores);
  }
  tail.output("boxes", boxes);
  tail.output("scores", scores);
  graph::OnnxTail made = tail.take();
  made.kind = "decoded";
  return made;
}

}  // namespace quench::models
