#include "weights/foreign.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "weights/heads.h"

namespace quench::weights {
namespace {

constexpr const char* kReadInstead = "; YOLOv5 from 6.0 on and YOLOv8 are read, as detectors and classifiers";

bool any_name(const NamedTensors& tensors, const std::function<bool(const std::string&)>& is) {
  return std::ranges::any_of(tensors, [&](const auto& named) { return is(named.first); });
}
bool any_with(const NamedTensors& tensors, const std::string& part) {
  return any_name(tensors, [&](const std::string& name) { return name.find(part) != std::string::npos; });
}
bool any_beginning(const NamedTensors& tensors, const std::string& begin) {
  const auto found = tensors.lower_bound(begin);
  return found != tensors.end() && found->first.starts_with(begin);
}

/// The head of Ultralytics' models without anchors in the row `row`.
bool has_split_head(const NamedTensors& tensors, const std::string& row) {
  return any_beginning(tensors, row + ".cv2.") && any_beginning(tensors, row + ".cv3.0.");
}

std::string by_head(const NamedTensors& tensors) {
  if (any_with(tensors, ".proto.")) return "a segmentation model (it has mask prototypes); detectors are read";
  const auto further = std::ranges::find_if(tensors, [](const auto& named) {
    return named.first.find(".cv4.0.") != std::string::npos && named.first.ends_with(".2.weight");
  });
  if (further == tensors.end()) return {};
  return further->second.shape().at(0) == 1 ? "a model of oriented boxes (OBB); detectors are read"
                                            : "a pose model (it has keypoints); detectors are read";
}

}  // namespace

std::string foreign_model(const NamedTensors& tensors) {
  const auto with = [&](const char* part) { return any_with(tensors, part); };
  const auto beginning = [&](const char* begin) { return any_beginning(tensors, begin); };
  if (with("one2one_cv")) return std::string("YOLOv10 or YOLO26 (a head without suppression)") + kReadInstead;
  if (beginning("model.0.conv.conv.") && dimension(tensors, "model.0.conv.conv.weight", 4, 1) == 12) {
    return "YOLOv5 before release 6.0 (its first layer is a Focus): take the weights of release 6.0 or later "
           "(`yolov5n.pt` of github.com/ultralytics/yolov5/releases/tag/v7.0), or train on from these with that "
           "release";
  }
  if (with(".attn.") && !with("patch_embed")) {
    if (with(".m.0.0.attn.") || with(".attn.qk.")) return std::string("YOLO12") + kReadInstead;
    const bool row = beginning("model.10.m.0.attn.") || beginning("model.9.m.0.attn.");
    return std::string(row ? "YOLO11" : "a YOLO with attention") + kReadInstead;
  }
  if (beginning("model.24.") && has_split_head(tensors, "model.24")) {
    return "YOLOv5u (YOLOv5 with the head of YOLOv8, as Ultralytics retrained it): take the weights of YOLOv5 itself "
           "(`yolov5n.pt` of github.com/ultralytics/yolov5) or YOLOv8's, or its ONNX export, which is read";
  }
  if (const std::string head = by_head(tensors); !head.empty()) return head;
  if (with(".cv2.0.conv1.conv1.") || with(".cv2.0.cv1.conv1.") || with(".cv4.0.cv1.conv1."))
    return std::string("YOLOv9") + kReadInstead;
  if (with("enc_score_head") || with("denoising_class_embed")) return std::string("RT-DETR") + kReadInstead;
  if (with(".implicit") || beginning("model.105.")) return std::string("YOLOv7") + kReadInstead;
  if (beginning("backbone.ERBlock") || with("rbr_dense")) return std::string("YOLOv6") + kReadInstead;
  if (beginning("backbone.backbone.dark")) return std::string("YOLOX") + kReadInstead;
  if (beginning("model.33.") || beginning("model.29.") || beginning("model.28.")) {
    if (beginning("model.0.conv.")) return std::string("a variant with other levels (P2, P6) or YOLOv3") + kReadInstead;
  }
  if (beginning("layer1.0.conv1.") && beginning("fc.")) return std::string("a ResNet of torchvision") + kReadInstead;
  if (with("image_encoder.") || with("patch_embed")) return std::string("a vision transformer") + kReadInstead;
  return {};
}

}  // namespace quench::weights
