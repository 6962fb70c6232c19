#include "weights/torch_tensors.h"

#include <optional>
#include <utility>

#include "core/error.h"
#include "weights/element.h"

namespace quench::weights {
namespace {

using pickle::Global;
using pickle::Object;
using pickle::Ref;
using pickle::Tuple;
using pickle::Value;

/// Tensors may share storage (tied weights, views), but not without end.
constexpr uint64_t kElementsPerByte = 4;
/// Parameter of a subclass of a tensor.
constexpr int kMaxWrappers = 4;

std::optional<Element> element_of_storage(std::string_view storage) {
  if (storage == "HalfStorage") return Element::f16;
  if (storage == "BFloat16Storage") return Element::bf16;
  if (storage == "FloatStorage") return Element::f32;
  if (storage == "DoubleStorage") return Element::f64;
  if (storage == "BoolStorage") return Element::boolean;
  if (storage == "ByteStorage") return Element::u8;
  if (storage == "CharStorage") return Element::i8;
  if (storage == "ShortStorage") return Element::i16;
  if (storage == "IntStorage") return Element::i32;
  if (storage == "LongStorage") return Element::i64;
  return std::nullopt;
}

/// The items of a tuple that has at least `count`; null for another value.
const std::vector<Ref>* tuple(const Value* value, size_t count) {
  const Tuple* found = value ? value->as<Tuple>() : nullptr;
  return found && found->items.size() >= count ? &found->items : nullptr;
}

std::optional<Shape> integers(const Value* value) {
  const std::vector<Ref>* items = tuple(value, 0);
  if (!items) return std::nullopt;
  Shape out;
  for (const Ref item : *items) {
    const int64_t* number = item->as<int64_t>();
    if (!number) return std::nullopt;
    out.push_back(*number);
  }
  return out;
}

/// The class or function that an Object would have called; null for another value.
const Global* called(const Value* value) {
  const Object* object = value ? value->as<Object>() : nullptr;
  return object ? object->callable->as<Global>() : nullptr;
}

}  // namespace

bool is_tensor(const Value& value) {
  const Global* name = called(&value);
  return name && name->name.starts_with("_rebuild_");
}

TorchTensors::TorchTensors(const Zip& archive, std::string root, std::string where)
    : archive_(archive),
      root_(std::move(root)),
      where_(std::move(where)),
      elements_left_(kElementsPerByte * archive.size_bytes()) {}

const std::string& TorchTensors::storage(const std::string& key) {
  const auto found = storages_.find(key);
  if (found != storages_.end()) return found->second;
  return storages_.emplace(key, archive_.read(root_ + "/data/" + key)).first->second;
}

Tensor TorchTensors::read(const Value& value, std::string_view name) {
  const auto malformed = [&](std::string_view expected) {
    fail(ErrorKind::data, "[weights.torch] expected {}, got another value (tensor {} of {})", expected, name, where_);
  };
  // Parameters and subclasses wrap the call that makes the tensor itself.
  const Global* function = called(&value);
  const Value* arguments = function ? value.as<Object>()->arguments : nullptr;
  for (int i = 0; i < kMaxWrappers && function && !function->name.starts_with("_rebuild_tensor"); ++i) {
    if (function->name.starts_with("_rebuild_parameter")) {
      const std::vector<Ref>* inner = tuple(arguments, 1);
      if (!inner || !(function = called(inner->front()))) malformed("a tensor in a parameter");
      arguments = inner->front()->as<Object>()->arguments;
    } else if (function->name == "_rebuild_from_type_v2") {
      const std::vector<Ref>* inner = tuple(arguments, 3);
      if (!inner || !(function = (*inner)[0]->as<Global>())) malformed("a function that makes a tensor");
      arguments = (*inner)[2];
    } else {
      break;
    }
  }
  if (!function) malformed("a tensor");
  if (function->name != "_rebuild_tensor_v2" && function->name != "_rebuild_tensor") {
    fail(ErrorKind::unsupported, "[weights.torch] expected a dense tensor, got one of {} (tensor {} of {})",
         function->name, name, where_);
  }

  const std::vector<Ref>* parts = tuple(arguments, 4);
  if (!parts) malformed("storage, offset, sizes and strides");
  const auto* persistent = (*parts)[0]->as<pickle::Persistent>();
  const std::vector<Ref>* id = persistent ? tuple(persistent->id, 5) : nullptr;
  if (!id || !pickle::text_of((*id)[0]) || *pickle::text_of((*id)[0]) != "storage") malformed("a storage");
  const Global* kind = (*id)[1]->as<Global>();
  const std::string* key = pickle::text_of((*id)[2]);
  const int64_t* offset = (*parts)[1]->as<int64_t>();
  std::optional<Shape> sizes = integers((*parts)[2]), strides = integers((*parts)[3]);
  if (!kind || !key) malformed("a storage's type and key");
  if (!offset || !sizes || !strides) malformed("offset, sizes and strides as whole numbers");
  const std::optional<Element> element = element_of_storage(kind->name);
  if (!element) {
    fail(ErrorKind::unsupported, "[weights.torch] expected a storage of numbers, got {} (tensor {} of {})", kind->name,
         name, where_);
  }

  const std::optional<int64_t> count = count_of(*sizes);
  if (!count || static_cast<uint64_t>(*count) > elements_left_) {
    fail(ErrorKind::data,
         "[weights.torch] expected tensors of about the archive's size, got far more (tensor {} of {})", name, where_);
  }
  elements_left_ -= static_cast<uint64_t>(*count);
  return read_elements(*element, storage(*key), {*offset, std::move(*sizes), std::move(*strides)},
                       fmt::format("tensor {} of {}", name, where_));
}

}  // namespace quench::weights
