#include "train/matching/detect_targets.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace quench::train {
namespace {

constexpr int64_t kColumns = 6;
/// Farther from the canvas (in its sides) a box cannot be meant.
constexpr float kFar = 1e4f;

}  // namespace

torch::Tensor detect_targets(const data::Batch& batch) {
  const Shape& shape = batch.images.shape();
  ensure(shape.size() == 4 && static_cast<int64_t>(batch.objects.size()) == shape[0],
         "[train.detect_targets] expected the objects of {} images, got {}", shape.empty() ? 0 : shape[0],
         batch.objects.size());
  const auto height = static_cast<double>(shape[1]), width = static_cast<double>(shape[2]);
  std::vector<float> rows;
  for (size_t image = 0; image < batch.objects.size(); ++image) {
    for (const data::Object& object : batch.objects[image]) {
      if (object.crowd) continue;
      const Box& box = object.box;
      rows.insert(rows.end(), {static_cast<float>(image), static_cast<float>(object.label),
                               static_cast<float>((box.x1 + box.x2) / 2 / width),
                               static_cast<float>((box.y1 + box.y2) / 2 / height),
                               static_cast<float>(box.width() / width), static_cast<float>(box.height() / height)});
    }
  }
  torch::Tensor targets = at::empty({static_cast<int64_t>(rows.size()) / kColumns, kColumns}, at::kFloat);
  std::copy(rows.begin(), rows.end(), targets.data_ptr<float>());
  return targets;
}

std::vector<Target> read_targets(const torch::Tensor& targets, int64_t images, int64_t classes) {
  ensure(targets.dim() == 2 && targets.size(1) == kColumns, "[train.detect_targets] expected [M,6], got {} dimensions",
         targets.dim());
  const torch::Tensor rows = targets.detach().to(at::kCPU, at::kFloat).contiguous();
  std::vector<Target> read(static_cast<size_t>(rows.size(0)));
  const float* row = rows.data_ptr<float>();
  for (size_t i = 0; i < read.size(); ++i, row += kColumns) {
    // Written so that NaN fails.
    if (!(row[0] >= 0 && row[0] < static_cast<float>(images))) {
      fail(ErrorKind::data, "[train.detect_targets] expected an image in 0..{}, got {} (target {})", images - 1, row[0],
           i);
    }
    if (!(row[1] >= 0 && row[1] < static_cast<float>(classes))) {
      fail(ErrorKind::data, "[train.detect_targets] expected a class in 0..{}, got {} (target {})", classes - 1, row[1],
           i);
    }
    if (!std::all_of(row + 2, row + kColumns, [](float value) { return std::abs(value) < kFar; })) {
      fail(ErrorKind::data, "[train.detect_targets] expected a box in the canvas, got {} {} {} {} (target {})", row[2],
           row[3], row[4], row[5], i);
    }
    read[i] = {static_cast<int64_t>(row[0]), static_cast<int64_t>(row[1]), row[2], row[3], row[4], row[5]};
  }
  return read;
}

}  // namespace quench::train
