// Holds the detection losses against the original implementations' figures, on released weights and real images.

#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "core/file.h"
#include "core/json.h"
#include "data/pictures/letterbox.h"
#include "data/sets/image_folder.h"
#include "models/detect_head.h"
#include "nn/graph_module.h"
#include "train/losses/detect_loss.h"
#include "train/matching/anchor_matching.h"
#include "train/matching/detect_targets.h"
#include "weights/import.h"

namespace quench::train {
namespace {

using torch::Tensor;

/// Relative, of raw outputs' means and deviations, of the loss's parts and of gradient norms: the figures are float32
/// of another order of summation.
constexpr double kTolerance = 1e-3;

const std::filesystem::path kShared = std::filesystem::path(QUENCH_SOURCE_DIR) / ".." / "shared" / "data";
constexpr int kSide = 640;

void expect_near(double value, const Json& expected, const std::string& what, double tolerance) {
  EXPECT_NEAR(value, expected.get<double>(), tolerance * std::abs(expected.get<double>())) << what;
}

/// The objects of a YOLO label file (class, centre and size as fractions of the image), in pixels of the image.
std::vector<data::Object> read_labels(const std::filesystem::path& path, int height, int width) {
  std::vector<data::Object> objects;
  std::istringstream rows(read_file(path));
  double label, cx, cy, w, h;
  while (rows >> label >> cx >> cy >> w >> h) {
    data::Object object;
    object.label = static_cast<int32_t>(label);
    object.box = {(cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height};
    objects.push_back(object);
  }
  return objects;
}

/// The named images of coco128, letterboxed, with their objects.
data::Batch golden_batch(const Json& names) {
  data::Batch batch;
  batch.images = quench::Tensor(DType::u8, {static_cast<int64_t>(names.size()), kSide, kSide, 3});
  uint8_t* out = batch.images.mutable_values<uint8_t>().data();
  for (const Json& name : names) {
    const std::filesystem::path file = kShared / "coco128/images/train2017" / name.get<std::string>();
    const quench::Tensor pixels = data::read_image(file);
    const auto height = static_cast<int>(pixels.shape()[0]), width = static_cast<int>(pixels.shape()[1]);
    const data::Letterbox fitted = data::letterbox(height, width, kSide, kSide);
    data::draw(pixels, fitted, out);
    out += kSide * kSide * 3;
    std::filesystem::path labels = kShared / "coco128/labels/train2017" / file.filename();
    std::vector<data::Object> objects = read_labels(labels.replace_extension(".txt"), height, width);
    for (data::Object& object : objects) object.box = fitted.to_canvas(object.box);
    batch.objects.push_back(std::move(objects));
  }
  return batch;
}

class DetectGolden : public testing::Test {
 protected:
  /// Reads the figures and runs the model and its loss, forward and backward.
  void run(const std::string& figures, const std::string& weights) {
    if (!std::filesystem::exists(kShared / "golden" / figures)) GTEST_SKIP() << "no golden figures: " << figures;
    golden_ = read_json(kShared / "golden" / figures);
    batch_ = golden_batch(golden_["images"]);
    module_ = std::make_unique<nn::GraphModule>(weights::import_file(kShared / "weights" / weights, {}));
    head_ = models::detect_head(module_->graph());
    const Tensor pixels = nn::to_torch(batch_.images).permute({0, 3, 1, 2});
    expect_near(pixels.to(torch::kDouble).mean().item<double>() / 255, golden_["input_mean"], "input_mean", 1e-5);
    outputs_ = module_->forward(pixels);
    targets_ = detect_targets(batch_);
    EXPECT_EQ(targets_.size(0), golden_["targets"].get<int64_t>());
    loss_ = (*make_criterion(head_, default_gains(head_)))(outputs_, targets_);
    loss_.total.backward();
    expect_near(loss_.total.item<double>(), golden_["loss_total"], "loss_total", kTolerance);
    expect_near(loss_.box.item<double>(), golden_["loss_box"], "loss_box", kTolerance);
    expect_near(loss_.cls.item<double>(), golden_["loss_cls"], "loss_cls", kTolerance);
    const auto parameters = module_->parameters();
    for (const auto& [name, norm] : golden_["grad_norms"].items()) {
      expect_near(parameters.at(name).grad().norm().item<double>(), norm, name, kTolerance);
    }
  }

  /// Raw outputs of level i, as the original keeps them: [N, channels, cells].
  Tensor level(size_t i) const {
    const auto per_level = static_cast<size_t>(head_.outputs_per_level());
    std::vector<Tensor> parts;
    for (size_t k = 0; k < per_level; ++k) parts.push_back(outputs_[i * per_level + k].detach().flatten(2));
    return torch::cat(parts, 1);
  }

  void expect_raw_outputs() const {
    for (size_t i = 0; i < 3; ++i) {
      const Tensor raw = level(i);
      const std::string where = "level " + std::to_string(i);
      expect_near(raw.mean().item<double>(), golden_["raw_head_mean"][i], where, kTolerance);
      expect_near(raw.std().item<double>(), golden_["raw_head_std"][i], where, kTolerance);
    }
  }

  Json golden_;
  data::Batch batch_;
  std::unique_ptr<nn::GraphModule> module_;
  models::DetectHead head_;
  std::vector<Tensor> outputs_;
  Tensor targets_;
  DetectLoss loss_;
};

TEST_F(DetectGolden, Yolov5n) {
  run("yolov5n_loss_coco128_first8.json", "yolov5n.pt");
  if (IsSkipped()) return;
  expect_raw_outputs();
  for (size_t i = 0; i < 3; ++i) {
    for (int64_t k = 0; k < 8; ++k) {  // channels of the first cell and anchor
      EXPECT_NEAR(outputs_[i][0][k][0][0].item<double>(),
                  golden_["raw_head_first"][i][static_cast<size_t>(k)].get<double>(), 2e-3);
    }
  }
  expect_near(loss_.obj.item<double>(), golden_["loss_obj"], "loss_obj", kTolerance);
  const std::vector<Target> targets = read_targets(targets_, 8, head_.class_count());
  for (size_t i = 0; i < 3; ++i) {
    const auto stride = static_cast<float>(head_.strides[i]);
    std::vector<std::array<float, 2>> anchors;
    for (const auto& [w, h] : head_.anchors[i]) {
      anchors.push_back({static_cast<float>(w) / stride, static_cast<float>(h) / stride});
    }
    const int64_t cells = kSide / head_.strides[i];
    EXPECT_EQ(match_anchors(targets, anchors, {cells, cells}, 4).size(),
              golden_["matched_targets_per_level"][i].get<size_t>());
  }
}

/// Targets shifted by whole pixels of padding, as the image is (docs/decisions/0006).
TEST_F(DetectGolden, Yolov8n) {
  run("yolov8n_fused_loss_coco128_first8.whole_pixel_targets.json", "yolov8n_fused.safetensors");
  if (IsSkipped()) return;
  expect_raw_outputs();
  expect_near(loss_.dfl.item<double>(), golden_["loss_dfl"], "loss_dfl", kTolerance);
}

}  // namespace
}  // namespace quench::train
