#include "weights/decoding_tail.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/error.h"
#include "core/json.h"
#include "core/rng.h"
#include "models/decode.h"
#include "onnx/program.h"

namespace quench::weights {
namespace {

/// Rows of numbers of the first image, whichever way the file has them.
struct Rows {
  const float* values = nullptr;
  int64_t count = 0, width = 0;
  bool columns = false;  ///< the file has a row for each number
  double at(int64_t row, int64_t column) const { return values[columns ? column * count + row : row * width + column]; }
};

class TailReader {
 public:
  TailReader(const onnx::Document& document, const onnx::RawGraph& raw, const graph::Graph& detector,
             const std::vector<std::string>& heads, const std::vector<Shape>& shapes)
      : document_(document), raw_(raw), head_(models::detect_head(detector)), heads_(heads), shapes_(shapes) {
    for (const auto& output : document.proto.graph().output()) outputs_.push_back(output.name());
  }

  DecodingTail run() {
    DecodingTail out;
    try {
      if (!head_.anchor_free()) {
        const std::vector<Tensor> zeros = raw_outputs(0);
        const std::vector<Tensor> made = tail_of(zeros);
        const std::optional<Rows> rows = rows_of(made);
        if (!rows) return out;
        out.anchors = anchors_of(*rows);
        for (size_t level = 0; level < out.anchors.size(); ++level) {
          for (size_t a = 0; a < head_.anchors[level].size(); ++a) {
            head_.anchors[level][a] = {out.anchors[level][2 * a], out.anchors[level][2 * a + 1]};
          }
        }
      }
      const std::vector<Tensor> values = raw_outputs(2);
      const std::vector<Tensor> made = tail_of(values);
      const std::optional<Rows> rows = rows_of(made);
      if (!rows) return out;
      compare(*rows, models::decode(head_, values, 0, -1), out);
    } catch (const Error& error) {
      out.reason = error.what();
    }
    return out;
  }

 private:
  /// Normally distributed, the same every time.
  std::vector<Tensor> raw_outputs(double deviation) const {
    Rng rng(0, "onnx tail");
    std::vector<Tensor> out;
    for (Shape shape : shapes_) {
      shape[0] = raw_.batch;
      Tensor& tensor = out.emplace_back(DType::f32, shape);
      for (float& value : tensor.mutable_values<float>()) value = static_cast<float>(deviation * rng.normal());
    }
    return out;
  }

  /// The file's outputs that follow from the raw ones.
  std::vector<Tensor> tail_of(const std::vector<Tensor>& values) const {
    std::map<std::string, Tensor> known = raw_.constants;
    for (size_t i = 0; i < heads_.size(); ++i) known[heads_[i]] = values[i];
    std::vector<Tensor> out;
    for (const std::string& output : outputs_) {
      try {
        out.push_back(onnx::run_tail(document_, known, {output}).front());
      } catch (const Error&) {
        if (outputs_.size() == 1) throw;  // of several, others may be the boxes
      }
    }
    return out;
  }

  int64_t box_count() const {
    int64_t count = 0;
    for (size_t level = 0; level < head_.strides.size(); ++level) {
      const Shape& shape = shapes_[level * static_cast<size_t>(head_.outputs_per_level())];
      count += shape[2] * shape[3] * (head_.anchor_free() ? 1 : static_cast<int64_t>(head_.anchors[level].size()));
    }
    return count;
  }

  std::optional<Rows> rows_of(const std::vector<Tensor>& outputs) const {
    const int64_t count = box_count(), width = head_.class_count() + (head_.anchor_free() ? 4 : 5);
    for (const Tensor& output : outputs) {
      const Shape& shape = output.shape();
      if (shape.size() != 3 || output.dtype() != DType::f32 || shape[0] != raw_.batch) continue;
      if (shape[1] == count && shape[2] == width) return Rows{output.values<float>().data(), count, width, false};
      if (shape[1] == width && shape[2] == count) return Rows{output.values<float>().data(), count, width, true};
    }
    return std::nullopt;
  }

  std::vector<std::vector<double>> anchors_of(const Rows& rows) const {
    std::vector<std::vector<double>> out;
    int64_t row = 0;
    for (size_t level = 0; level < head_.strides.size(); ++level) {
      std::vector<double>& sizes = out.emplace_back();
      for (size_t a = 0; a < head_.anchors[level].size(); ++a) {
        for (const int column : {2, 3}) {
          const double size = rows.at(row, column);
          if (!(size > 0 && size < 1e6)) {
            fail(ErrorKind::data, "[weights.onnx] expected anchors above 0, got {}", size);
          }
          const double near = std::round(size * 1e4) / 1e4;
          sizes.push_back(std::abs(near - std::round(near)) < 1e-3 ? std::round(near) : near);
        }
        row += shapes_[level][2] * shapes_[level][3];
      }
    }
    return out;
  }

  void compare(const Rows& rows, const models::Candidates& own, DecodingTail& out) const {
    if (own.count() != rows.count) {
      out.reason = fmt::format("it makes {} boxes rather than {}", rows.count, own.count());
      return;
    }
    double as_middles = 0, as_corners = 0;
    for (int64_t i = 0; i < rows.count; ++i) {
      const float* box = &own.boxes[static_cast<size_t>(4 * i)];
      const double middles[] = {(box[0] + box[2]) / 2.0, (box[1] + box[3]) / 2.0, double{box[2]} - box[0],
                                double{box[3]} - box[1]};
      for (int k = 0; k < 4; ++k) {
        const double given = rows.at(i, k);
        as_middles = std::max(as_middles, std::abs(given - middles[k]) / std::max(1.0, std::abs(middles[k])));
        as_corners = std::max(as_corners, std::abs(given - box[k]) / std::max(1.0, std::abs(double{box[k]})));
      }
      const double objectness = head_.anchor_free() ? 1 : rows.at(i, 4);
      for (int64_t c = 0; c < own.classes; ++c) {
        const double score = objectness * rows.at(i, (head_.anchor_free() ? 4 : 5) + c);
        const double wanted = own.scores[static_cast<size_t>(i * own.classes + c)];
        out.worst_score = std::max(out.worst_score, std::abs(score - wanted));
      }
    }
    out.worst_pixels = std::min(as_middles, as_corners);
    constexpr double kMostPixels = 0.01, kMostScore = 1e-4;  // float sums of 16 bins times strides of 32
    out.compared = out.worst_pixels < kMostPixels && out.worst_score < kMostScore;
    if (!out.compared) {
      out.reason = fmt::format("its boxes differ by up to {:.3g} of a pixel or their size, its scores by {:.2g}",
                               out.worst_pixels, out.worst_score);
    }
  }

  const onnx::Document& document_;
  const onnx::RawGraph& raw_;
  models::DetectHead head_;
  const std::vector<std::string>& heads_;
  const std::vector<Shape>& shapes_;
  std::vector<std::string> outputs_;
};

}  // namespace

DecodingTail read_tail(const onnx::Document& document, const onnx::RawGraph& raw, const graph::Graph& detector,
                       const std::vector<std::string>& heads, const std::vector<Shape>& shapes) {
  return TailReader(document, raw, detector, heads, shapes).run();
}

}  // namespace quench::weights
