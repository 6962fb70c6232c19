#include "weights/torch_preprocessing.h"

#include <algorithm>
#include <optional>

#include "core/error.h"

namespace quench::weights {
namespace {

using pickle::find;
using pickle::Object;
using pickle::Ref;
using pickle::Value;

constexpr size_t kMaxTransforms = 100;
constexpr double kMaxSide = 8192;

/// The items of a list or tuple; null for another value.
const std::vector<Ref>* items_of(const Value* value) {
  if (!value) return nullptr;
  if (const auto* list = value->as<pickle::List>()) return &list->items;
  if (const auto* tuple = value->as<pickle::Tuple>()) return &tuple->items;
  return nullptr;
}

std::optional<double> number_of(const Value* value) {
  if (!value) return std::nullopt;
  if (const int64_t* integer = value->as<int64_t>()) return static_cast<double>(*integer);
  if (const double* real = value->as<double>()) return *real;
  return std::nullopt;
}

/// A side of an image in pixels; 0 for another value.
int side_of(const Value* value) {
  const double side = number_of(value).value_or(0);
  return side >= 1 && side <= kMaxSide ? static_cast<int>(side) : 0;
}

/// Height and width of a transform's `size`: of one number, that and 0.
struct Size {
  int height = 0, width = 0;
};
Size size_of(const Value* value) {
  const std::vector<Ref>* items = items_of(value);
  if (items && items->size() == 2) return {side_of((*items)[0]), side_of((*items)[1])};
  if (items && items->size() == 1) return {side_of((*items)[0]), 0};
  return {side_of(value), 0};
}

/// Goes through a Compose.
class Transforms {
 public:
  Transforms(TorchTensors& tensors, std::string_view where) : tensors_(tensors), where_(where) {}

  Preprocessing read(const std::vector<Ref>& all) {
    for (const Ref item : all) {
      const Object* object = item->as<Object>();
      const auto* type = object && object->callable ? object->callable->as<pickle::Global>() : nullptr;
      if (!type) {
        differ("has a transform that is no object");
      } else {
        add(type->name, object->state);
      }
    }
    if (crop_ > 0) {
      out_.imgsz = crop_;
      if (resize_ == 0 && !crop_resizes_) differ(fmt::format("crops {} pixels without resizing", crop_));
      if (resize_ > 0 && resize_ != crop_) {
        differ(fmt::format("resizes the short side to {} pixels before it crops {}", resize_, crop_));
      }
    } else {
      out_.imgsz = resize_;
    }
    return std::move(out_);
  }

 private:
  void differ(std::string what) { out_.differences.push_back(std::move(what)); }

  void add(const std::string& name, const Value* state) {
    if (name == "ToTensor" || name == "PILToTensor" || name == "ConvertImageDtype") return;
    if (name == "Normalize") return normalize(find(state, "mean"), find(state, "std"));
    if (name == "Resize") {
      const Size size = size_of(find(state, "size"));
      resize_ = size.height;
      if (size.width > 0) differ(fmt::format("resizes to {}x{} whatever the proportions", size.height, size.width));
    } else if (name == "CenterCrop") {
      // torchvision's has `size`; YOLOv5's own has `h` and `w`, and resizes what it cropped.
      crop_resizes_ = find(state, "size") == nullptr;
      Size size =
          crop_resizes_ ? Size{side_of(find(state, "h")), side_of(find(state, "w"))} : size_of(find(state, "size"));
      if (size.width == 0) size.width = size.height;
      if (size.height == size.width) {
        crop_ = size.height;
      } else {
        differ(fmt::format("crops {}x{}", size.height, size.width));
      }
    } else {
      differ("has a transform that is not known here: " + name.substr(0, 80));
    }
  }

  void normalize(const Value* mean, const Value* deviation) {
    graph::Normalization given{three(mean, "means"), three(deviation, "deviations")};
    if (given == graph::Normalization{}) return;
    if (out_.normalization) differ("normalises twice");
    out_.normalization = given;
  }

  /// Three numbers, or a tensor of three.
  std::array<double, 3> three(const Value* value, const char* what) {
    std::array<double, 3> out{};
    const std::vector<Ref>* items = items_of(value);
    if (items && items->size() == 3) {
      bool numbers = true;
      for (size_t i = 0; i < 3; ++i) {
        const std::optional<double> number = number_of((*items)[i]);
        numbers = numbers && number;
        out[i] = number.value_or(0);
      }
      if (numbers) return out;
    } else if (value && is_tensor(*value)) {
      const Tensor tensor = tensors_.read(*value, what);
      if (tensor.dtype() == DType::f32 && tensor.size() == 3) {
        std::ranges::copy(tensor.values<float>(), out.begin());
        return out;
      }
    }
    fail(ErrorKind::data, "[weights.torch] expected three {} to normalise by, got another value ({})", what, where_);
  }

  TorchTensors& tensors_;
  std::string_view where_;
  Preprocessing out_;
  int resize_ = 0, crop_ = 0;
  bool crop_resizes_ = false;
};

/// What a training was started with: a dict, or the attributes of an argparse.Namespace.
const Value* arguments_of(const Value* value) {
  const Object* object = value ? value->as<Object>() : nullptr;
  return object ? object->state : value;
}

}  // namespace

Preprocessing read_preprocessing(const pickle::Value& root, const pickle::Value* model, TorchTensors& tensors,
                                 std::string_view where) {
  Preprocessing out;
  const Value* transforms = model ? find(model, "transforms") : nullptr;
  const Object* compose = transforms ? transforms->as<Object>() : nullptr;
  const std::vector<Ref>* all = compose ? items_of(find(compose->state, "transforms")) : nullptr;
  if (all && all->size() <= kMaxTransforms) out = Transforms(tensors, where).read(*all);
  for (const char* key : {"train_args", "opt"}) {
    if (out.imgsz > 0) break;
    const Value* arguments = arguments_of(find(&root, key));
    for (const char* name : {"imgsz", "img_size"}) {
      if (out.imgsz == 0 && arguments) out.imgsz = side_of(find(arguments, name));
    }
  }
  return out;
}

}  // namespace quench::weights
