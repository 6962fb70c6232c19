#include "quant/content.h"

#include <algorithm>

#include "graph/image_side.h"

namespace quench::quant {
namespace {

Tensor part_of(const Tensor& images, int64_t image, int64_t top, int64_t left, int64_t height, int64_t width) {
  const Shape& shape = images.shape();
  const auto from = images.values<uint8_t>();
  Tensor out(DType::u8, {1, height, width, 3});
  auto to = out.mutable_values<uint8_t>().begin();
  for (int64_t row = 0; row < height; ++row) {
    const int64_t start = ((image * shape[1] + top + row) * shape[2] + left) * 3;
    to = std::ranges::copy(from.subspan(static_cast<size_t>(start), static_cast<size_t>(width * 3)), to).out;
  }
  return out;
}

}  // namespace

std::vector<Tensor> content_of(const data::Batch& batch, int multiple) {
  if (batch.letterboxes.empty()) return {batch.images};
  std::vector<Tensor> out;
  const auto down = [&](int64_t value) { return value / multiple * multiple; };
  const auto up = [&](int64_t value) { return (value + multiple - 1) / multiple * multiple; };
  for (size_t i = 0; i < batch.letterboxes.size(); ++i) {
    const Letterbox& box = batch.letterboxes[i];
    const int64_t top = down(box.top), left = down(box.left);
    const int64_t bottom = std::min<int64_t>(up(box.top + box.height), box.canvas_height);
    const int64_t right = std::min<int64_t>(up(box.left + box.width), box.canvas_width);
    out.push_back(part_of(batch.images, static_cast<int64_t>(i), top, left, bottom - top, right - left));
  }
  return out;
}

int coarsest_step(const graph::Graph& graph) {
  const int side = graph::image_side(graph);
  int step = 1;
  for (const graph::EdgeId edge : graph.outputs) {
    const Shape& shape = graph.edge(edge).shape;
    if (shape.size() == 4) step = std::max(step, static_cast<int>(side / shape[2]));
  }
  return step;
}

}  // namespace quench::quant
