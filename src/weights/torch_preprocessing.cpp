#include "weights/torch_preprocessing.h"

#include <algorithm>
#include <optional>

#include "core/error.h"
#include "core/text.h"

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
    if (resizes_ && resize_ > 0 && !stretches_ && crop_ == 0) differ("keeps all of a picture that is not square");
    out_.imgsz = crop_ > 0 ? crop_ : resize_;
    if (out_.imgsz > 0) out_.pictures = pictures();
    return std::move(out_);
  }

 private:
  pixels::Preparation pictures() const {
    using pixels::Resampling;
    using pixels::Shaping;
    if (crop_resizes_) return {Shaping::square, Resampling::bilinear};  // by OpenCV
    if (!resizes_) return {.shaping = Shaping::none};
    const Shaping shaping = stretches_ ? Shaping::stretch : Shaping::short_side;
    if (!filter_ || resize_ == 0) return {};  // said already
    if (crop_ == 0 || crop_ == resize_) return {shaping, *filter_};
    return {shaping, *filter_, resize_, crop_};
  }

  void differ(std::string what) { out_.differences.push_back(std::move(what)); }

  void add(const std::string& name, const Value* state) {
    if (name == "ToTensor" || name == "PILToTensor" || name == "ToImage") {
      is_tensor_ = true;
      return;
    }
    if (name == "ConvertImageDtype" || name == "ToDtype") return;
    if (name == "Normalize") return normalize(find(state, "mean"), find(state, "std"));
    if (name == "Resize") {
      resize(state);
    } else if (name == "CenterCrop") {
      // torchvision's has `size`; YOLOv5's own has `h` and `w`, and resizes what it cropped.
      crop_resizes_ = find(state, "size") == nullptr;
      Size size =
          crop_resizes_ ? Size{side_of(find(state, "h")), side_of(find(state, "w"))} : size_of(find(state, "size"));
      if (size.width == 0) size.width = size.height;
      if (crop_ > 0 || (crop_resizes_ && resize_ > 0)) differ("crops what it has resized or cropped already");
      if (size.height == 0) {
        differ("crops to a size that is not known here");
      } else if (size.height == size.width) {
        crop_ = size.height;
      } else {
        differ(fmt::format("crops {}x{}", size.height, size.width));
      }
    } else {
      differ("has a transform that is not known here: " + name.substr(0, 80));
    }
  }

  void resize(const Value* state) {
    const Size size = size_of(find(state, "size"));
    if (resize_ > 0 || crop_ > 0) differ("resizes what it has resized or cropped already");
    resizes_ = true;
    resize_ = size.height;
    if (resize_ == 0) differ("resizes to a size that is not known here");
    stretches_ = size.width > 0;
    if (stretches_ && size.width != size.height) differ(fmt::format("resizes to {}x{}", size.height, size.width));
    const Value* longest = find(state, "max_size");
    if (longest && !longest->as<pickle::None>()) differ("resizes the long side to a largest size");
    const std::string filter = filter_of(find(state, "interpolation"));
    const Value* antialias = find(state, "antialias");
    const bool antialiased = !is_tensor_ || (antialias && antialias->as<bool>() && *antialias->as<bool>());
    if (filter == "bilinear" && antialiased) {
      filter_ = pixels::Resampling::bilinear_antialias;
    } else if (filter == "bicubic" && antialiased) {
      filter_ = pixels::Resampling::bicubic_antialias;
    } else if (filter == "lanczos" && antialiased) {
      filter_ = pixels::Resampling::lanczos_antialias;
    } else {
      differ(
          fmt::format("resizes with the filter '{}'{}", filter.substr(0, 80), antialiased ? "" : ", not antialiased"));
    }
  }

  /// torchvision's InterpolationMode('bilinear'), or by name, or the number that Pillow has for it.
  static std::string filter_of(const Value* value) {
    if (!value) return "bilinear";
    if (const int64_t* number = value->as<int64_t>()) {
      return *number == 1 ? "lanczos" : *number == 2 ? "bilinear" : *number == 3 ? "bicubic" : std::to_string(*number);
    }
    const Object* object = value->as<Object>();
    const std::vector<Ref>* arguments = object ? items_of(object->arguments) : nullptr;
    const std::string* name = pickle::text_of(arguments && !arguments->empty() ? arguments->back() : value);
    return name ? lower(*name) : "unknown";
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
  bool resizes_ = false, crop_resizes_ = false, stretches_ = false;
  bool is_tensor_ = false;  ///< what follows gets values from 0 to 1, not a picture
  std::optional<pixels::Resampling> filter_;
};

/// What a training was started with: a dict, or the attributes of an argparse.Namespace.
const Value* arguments_of(const Value* value) {
  const Object* object = value ? value->as<Object>() : nullptr;
  return object ? object->state : value;
}

/// Where such a file has no transforms, Ultralytics makes them: torchvision's Resize and CenterCrop.
bool is_classifier_of_ultralytics(const Object* model) {
  const auto* type = model && model->callable ? model->callable->as<pickle::Global>() : nullptr;
  return type && type->module.starts_with("ultralytics.") && type->name == "ClassificationModel";
}

}  // namespace

Preprocessing read_preprocessing(const pickle::Value& root, const pickle::Value* module, TorchTensors& tensors,
                                 std::string_view where) {
  Preprocessing out;
  const Object* model = module ? module->as<Object>() : nullptr;
  const Value* transforms = model ? find(model->state, "transforms") : nullptr;
  const Object* compose = transforms ? transforms->as<Object>() : nullptr;
  const std::vector<Ref>* all = compose ? items_of(find(compose->state, "transforms")) : nullptr;
  if (all && all->size() <= kMaxTransforms) out = Transforms(tensors, where).read(*all);
  if (!transforms && is_classifier_of_ultralytics(model)) {
    out.pictures.resampling = pixels::Resampling::bilinear_antialias;
  }
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
