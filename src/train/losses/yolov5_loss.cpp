#include "train/losses/yolov5_loss.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "train/losses/complete_iou.h"
#include "train/matching/detect_targets.h"

namespace quench::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr float kAnchorRatio = 4;
constexpr double kTrainedSide = 640, kTrainedClasses = 80, kTrainedLevels = 3;
constexpr int64_t kObjectness = 4;  // channel of an anchor, after x, y, w, h

/// [N, A * K, H, W] -> [N, H, W, A, K], no copy.
Tensor by_cell(const Tensor& output, int64_t anchors) {
  const int64_t n = output.size(0), channels = output.size(1), h = output.size(2), w = output.size(3);
  return output.view({n, anchors, channels / anchors, h, w}).permute({0, 3, 4, 1, 2});
}

/// Reads from a level's output, in the working type: the rows of the given cells ([4,M]: image, row, column, anchor),
/// [M,K], and the objectness logits of all, [N,H,W,A]. Its gradient is written into one buffer; indexing and selecting
/// apart would make one each, of the output's size, and add them.
class ReadCells : public torch::autograd::Function<ReadCells> {
 public:
  static variable_list forward(AutogradContext* context, const Tensor& output, const Tensor& cells, int64_t anchors) {
    const Tensor grid = by_cell(output, anchors);
    context->save_for_backward({cells});
    context->saved_data["sizes"] = grid.sizes().vec();
    context->saved_data["type"] = static_cast<int64_t>(output.scalar_type());
    const Tensor rows = grid.index({cells[0], cells[1], cells[2], cells[3]}).to(working_type(output));
    const Tensor logits = grid.select(4, kObjectness);
    return {rows, at::empty(logits.sizes(), rows.options()).copy_(logits)};
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const Tensor cells = context->get_saved_variables()[0];
    const std::vector<int64_t> sizes = context->saved_data["sizes"].toIntVector();  // N, H, W, A, K
    const auto type = static_cast<at::ScalarType>(context->saved_data["type"].toInt());
    const Tensor gradient = at::zeros(sizes, gradients[0].options().dtype(type));
    gradient.select(4, kObjectness).copy_(gradients[1]);
    const Tensor flat = ((cells[0] * sizes[1] + cells[1]) * sizes[2] + cells[2]) * sizes[3] + cells[3];
    gradient.view({-1, sizes[4]}).index_add_(0, flat, gradients[0].to(type));
    return {gradient.view({sizes[0], sizes[1], sizes[2], sizes[3] * sizes[4]}).permute({0, 3, 1, 2}), Tensor(),
            Tensor()};
  }
};

/// What the matched rows of a level are to become.
struct Wanted {
  Tensor cells;    ///< [4,M] int64: image, row, column, anchor
  Tensor labels;   ///< [M,1] int64
  Tensor boxes;    ///< [M,4] x1 y1 x2 y2 in cells from the cell's corner
  Tensor anchors;  ///< [M,2] in cells
  Tensor last;     ///< [L] int64: the rows whose CIoU is an objectness target
};

Wanted wanted_rows(const std::vector<AnchorMatch>& matches, const std::vector<std::array<float, 2>>& anchors,
                   const Tensor& output) {
  const auto count = static_cast<int64_t>(matches.size());
  const Tensor cells = at::empty({4, count}, at::kLong), labels = at::empty({count, 1}, at::kLong);
  const Tensor boxes = at::empty({count, 4}, at::kFloat), sizes = at::empty({count, 2}, at::kFloat);
  std::vector<int64_t> last;
  int64_t* cell = cells.data_ptr<int64_t>();
  float* box = boxes.data_ptr<float>();
  float* size = sizes.data_ptr<float>();
  for (int64_t i = 0; i < count; ++i, ++cell, box += 4, size += 2) {
    const AnchorMatch& m = matches[static_cast<size_t>(i)];
    cell[0] = m.image;
    cell[count] = m.row;
    cell[2 * count] = m.column;
    cell[3 * count] = m.anchor;
    labels.data_ptr<int64_t>()[i] = m.label;
    box[0] = m.x - m.width / 2;
    box[1] = m.y - m.height / 2;
    box[2] = m.x + m.width / 2;
    box[3] = m.y + m.height / 2;
    size[0] = anchors[static_cast<size_t>(m.anchor)][0];
    size[1] = anchors[static_cast<size_t>(m.anchor)][1];
    if (m.last) last.push_back(i);
  }
  const at::ScalarType type = working_type(output);
  const at::Device device = output.device();
  return {cells.to(device), labels.to(device), boxes.to(device, type), sizes.to(device, type),
          at::tensor(last, at::kLong).to(device)};
}

/// Sum of binary cross-entropies -t log s(x) - (1 - t) log(1 - s(x)) = softplus(x) - t x, less the part with t.
Tensor background(const Tensor& logits) { return at::softplus(logits).sum(); }

void add_to(Tensor& sum, const Tensor& part) {
  if (part.defined()) sum = sum.defined() ? sum + part : part;
}

}  // namespace

std::vector<double> yolov5_level_balance(size_t levels) {
  if (levels == 3) return {4.0, 1.0, 0.4};
  const std::vector<double> balance{4.0, 1.0, 0.25, 0.06, 0.02};
  if (levels > balance.size()) {
    fail(ErrorKind::unsupported, "[train.yolov5_loss] expected at most {} levels, got {}", balance.size(), levels);
  }
  return {balance.begin(), balance.begin() + static_cast<std::ptrdiff_t>(levels)};
}

LossGains yolov5_gains(const LossGains& given, size_t levels, int64_t classes, double pixels) {
  LossGains gains = given;
  const double share = kTrainedLevels / static_cast<double>(levels);
  gains.box *= share;
  gains.obj *= share * pixels / (kTrainedSide * kTrainedSide);
  gains.cls *= share * static_cast<double>(classes) / kTrainedClasses;
  return gains;
}

Yolov5Loss::Yolov5Loss(models::DetectHead head, const LossGains& gains, std::shared_ptr<const SharedBatch> shared)
    : head_(std::move(head)), gains_(gains), shared_(std::move(shared)) {
  ensure(head_.anchors.size() == head_.strides.size(), "[train.yolov5_loss] expected anchors for {} levels, got {}",
         head_.strides.size(), head_.anchors.size());
  for (size_t level = 0; level < head_.anchors.size(); ++level) {
    const auto stride = static_cast<float>(head_.strides[level]);
    std::vector<std::array<float, 2>>& anchors = anchors_.emplace_back();
    for (const auto& [width, height] : head_.anchors[level]) {
      anchors.push_back({static_cast<float>(width) / stride, static_cast<float>(height) / stride});
    }
  }
  balance_ = yolov5_level_balance(head_.strides.size());
}

Yolov5Loss::Parts Yolov5Loss::level_parts(const Tensor& output, const std::vector<AnchorMatch>& matches, size_t level,
                                          double of_matches) const {
  const Wanted wanted = wanted_rows(matches, anchors_[level], output);
  const variable_list read = ReadCells::apply(output, wanted.cells, static_cast<int64_t>(anchors_[level].size()));
  const Tensor& rows = read[0];
  Parts parts;
  Tensor objectness = background(read[1]);
  if (!matches.empty()) {
    const Tensor centre = rows.slice(1, 0, 2).sigmoid() * 2 - 0.5;
    const Tensor half = (rows.slice(1, 2, 4).sigmoid() * 2).square() * wanted.anchors / 2;
    const Tensor iou = complete_iou(at::cat({centre - half, centre + half}, 1), wanted.boxes);
    parts.box = (1 - iou.mean()) * of_matches;
    const Tensor shares = iou.detach().clamp_min(0).index_select(0, wanted.last);
    objectness = objectness - (rows.select(1, kObjectness).index_select(0, wanted.last) * shares).sum();
    if (head_.class_count() > 1) {
      const Tensor logits = rows.slice(1, kObjectness + 1);
      const double off = gains_.label_smoothing / 2, on = 1 - off;
      const Tensor own = logits.gather(1, wanted.labels).sum();
      const Tensor sum = off > 0 ? background(logits) - logits.sum() * off : background(logits);
      parts.cls = (sum - own * (on - off)) / (static_cast<double>(logits.numel()) / of_matches);
    }
  }
  parts.obj = objectness * (balance_[level] * shared_->share() / static_cast<double>(read[1].numel()));
  return parts;
}

DetectLoss Yolov5Loss::operator()(const std::vector<Tensor>& outputs, const Tensor& targets) const {
  check_outputs(head_, outputs);
  const int64_t images = outputs[0].size(0);
  const std::vector<Target> objects = read_targets(targets, images, head_.class_count());
  std::vector<std::vector<AnchorMatch>> matches;
  std::vector<double> counts;
  for (size_t level = 0; level < outputs.size(); ++level) {
    const CellGrid grid{outputs[level].size(2), outputs[level].size(3)};
    matches.push_back(match_anchors(objects, anchors_[level], grid, kAnchorRatio));
    counts.push_back(static_cast<double>(matches.back().size()));
  }
  shared_->sum(counts);
  Parts sum;
  for (size_t level = 0; level < outputs.size(); ++level) {
    const double of_matches = static_cast<double>(matches[level].size()) / std::max(1.0, counts[level]);
    const Parts parts = level_parts(outputs[level], matches[level], level, of_matches);
    add_to(sum.box, parts.box);
    add_to(sum.obj, parts.obj);
    add_to(sum.cls, parts.cls);
  }
  const auto stride = static_cast<double>(head_.strides[0]);
  const double pixels = static_cast<double>(outputs[0].size(2) * outputs[0].size(3)) * stride * stride;
  const LossGains gains = yolov5_gains(gains_, outputs.size(), head_.class_count(), pixels);
  const Tensor zero = at::zeros({}, sum.obj.options());
  const Tensor box = sum.box.defined() ? sum.box * gains.box : zero;
  const Tensor obj = sum.obj * gains.obj;
  const Tensor cls = sum.cls.defined() ? sum.cls * gains.cls : zero;
  return {(box + obj + cls) * static_cast<double>(images), box.detach(), obj.detach(), cls.detach(), zero};
}

}  // namespace quench::train
