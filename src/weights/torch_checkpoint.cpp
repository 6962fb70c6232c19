#include "weights/torch_checkpoint.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "core/error.h"
#include "weights/pickle.h"
#include "weights/torch_preprocessing.h"
#include "weights/torch_tensors.h"
#include "weights/zip.h"

namespace quench::weights {
namespace {

using pickle::Dict;
using pickle::find;
using pickle::Object;
using pickle::Ref;
using pickle::Value;

// Bounds of a walk: values may be shared and may contain themselves.
constexpr int kMaxDepth = 64;
constexpr int64_t kMaxSteps = 20'000'000;
constexpr size_t kMaxName = 512;
constexpr size_t kMaxTensors = 100'000;
constexpr size_t kMaxNames = 100'000;

/// The attributes of a module; null for another value.
const Value* attributes(const Value* value) {
  const Object* object = value ? value->as<Object>() : nullptr;
  return object && find(object->state, "_modules") ? object->state : nullptr;
}

std::string class_name(const Value& module) {
  const auto* name = module.as<Object>()->callable->as<pickle::Global>();
  return name ? name->name : "";
}

std::optional<double> number(const Value* value) {
  if (!value) return std::nullopt;
  if (const int64_t* integer = value->as<int64_t>()) return static_cast<double>(*integer);
  if (const double* real = value->as<double>()) return *real;
  return std::nullopt;
}

/// A key that is a whole number, or its digits.
std::optional<int64_t> number_of_key(const Value* key) {
  if (const int64_t* integer = key->as<int64_t>()) return *integer;
  const std::string* text = pickle::text_of(key);
  int64_t number = 0;
  if (!text) return std::nullopt;
  const auto [end, code] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (code != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return number;
}

/// A pair of whole numbers, or one for both.
std::optional<std::array<int64_t, 2>> pair(const Value* value) {
  if (!value) return std::nullopt;
  if (const int64_t* both = value->as<int64_t>()) return std::array{*both, *both};
  const auto* tuple = value->as<pickle::Tuple>();
  if (!tuple || tuple->items.size() != 2) return std::nullopt;
  const int64_t *first = tuple->items[0]->as<int64_t>(), *second = tuple->items[1]->as<int64_t>();
  if (!first || !second) return std::nullopt;
  return std::array{*first, *second};
}

/// Collects what a tree of modules holds.
class Walk {
 public:
  Walk(Checkpoint& out, TorchTensors& tensors, std::string_view where) : out_(out), tensors_(tensors), where_(where) {}

  void module(const Value& value, const std::string& path, int depth) {
    if (depth > kMaxDepth) bound("modules nested at most 64 deep", path);
    const Value* state = attributes(&value);
    if (!state) {
      fail(ErrorKind::data, "[weights.torch] expected a module, got another value ({} of {})", path, where_);
    }
    facts(value, state, path);
    const std::string prefix = path.empty() ? "" : path + ".";
    for (const char* kind : {"_parameters", "_buffers"}) entries(field(state, kind), prefix);
    const Value* children = field(state, "_modules");
    const Dict* dict = children->as<Dict>();
    if (!dict) fail(ErrorKind::data, "[weights.torch] expected modules by name, got another value ({})", where_);
    for (const auto& [key, child] : dict->items) {
      if (!child->as<pickle::None>()) module(*child, prefix + name_of(key), depth + 1);
    }
  }

  /// A flat dict of tensors; other values are left out.
  void state_dict(const Dict& dict) {
    for (const auto& [key, value] : dict.items) {
      if (is_tensor(*value)) add(name_of(key), *value);
    }
  }

  void class_names(const Value* names) {
    if (!names) return;
    out_.classes.clear();
    const auto* list = names->as<pickle::List>();
    const Dict* dict = names->as<Dict>();
    if ((list && list->items.size() > kMaxNames) || (dict && dict->items.size() > kMaxNames)) {
      bound(fmt::format("at most {} classes", kMaxNames), "names");
    }
    if (list) {
      for (const Ref item : list->items) out_.classes.push_back(class_text(item));
    } else if (dict) {
      std::map<int64_t, std::string> by_index;
      for (const auto& [key, item] : dict->items) {
        const std::optional<int64_t> index = number_of_key(key);
        if (!index)
          fail(ErrorKind::data, "[weights.torch] expected class names by number, got another key ({})", where_);
        by_index[*index] = class_text(item);
      }
      for (auto& [index, name] : by_index) {
        if (index != static_cast<int64_t>(out_.classes.size())) {
          fail(ErrorKind::data, "[weights.torch] expected class names 0, 1, 2, ..., got {} after {} ({})", index,
               static_cast<int64_t>(out_.classes.size()) - 1, where_);
        }
        out_.classes.push_back(std::move(name));
      }
    }
  }

 private:
  [[noreturn]] void bound(std::string_view expected, const std::string& path) const {
    fail(ErrorKind::data, "[weights.torch] expected {}, got more ({} of {})", expected, path, where_);
  }

  void charge(size_t steps) {
    steps_ += static_cast<int64_t>(steps) + 1;
    if (steps_ > kMaxSteps) bound("a tree of modules", "the whole");
  }

  const Value* field(const Value* dict, std::string_view key) {
    if (const Dict* items = dict->as<Dict>()) charge(items->items.size());
    return find(dict, key);
  }

  std::string name_of(const Value* key) const {
    const std::string* text = pickle::text_of(key);
    if (!text || text->size() > kMaxName) {
      fail(ErrorKind::data, "[weights.torch] expected names as texts, got another key ({})", where_);
    }
    return *text;
  }

  std::string class_text(const Value* value) const {
    const std::string* text = pickle::text_of(value);
    if (!text || text->size() > kMaxName) {
      fail(ErrorKind::data, "[weights.torch] expected class names as short texts, got another value ({})", where_);
    }
    return *text;
  }

  void entries(const Value* values, const std::string& prefix) {
    const Dict* dict = values ? values->as<Dict>() : nullptr;
    if (!dict) {
      fail(ErrorKind::data, "[weights.torch] expected parameters by name, got another value ({} of {})", prefix,
           where_);
    }
    charge(dict->items.size());
    for (const auto& [key, value] : dict->items) {
      if (!value->as<pickle::None>()) add(prefix + name_of(key), *value);
    }
  }

  void add(const std::string& name, const Value& value) {
    charge(1);
    if (name.size() > kMaxName) bound(fmt::format("names of at most {} letters", kMaxName), name.substr(0, 80));
    if (out_.tensors.size() >= kMaxTensors) bound(fmt::format("at most {} tensors", kMaxTensors), name);
    out_.tensors.insert_or_assign(name, tensors_.read(value, name));
  }

  /// What a module says of itself beside its tensors.
  void facts(const Value& value, const Value* state, const std::string& path) {
    if (path.size() > kMaxName) bound(fmt::format("names of at most {} letters", kMaxName), path.substr(0, 80));
    const std::string name = class_name(value);
    if (name == "Conv2d") {
      const auto kernel = pair(field(state, "kernel_size")), stride = pair(field(state, "stride"));
      const auto padding = pair(field(state, "padding")), dilation = pair(field(state, "dilation"));
      const Value* groups = field(state, "groups");
      const int64_t* count = groups ? groups->as<int64_t>() : nullptr;
      if (kernel && stride && padding && dilation && count) {
        out_.convolutions[path] = {*kernel, *stride, *padding, *dilation, *count};
      }
    } else if (name == "BatchNorm2d") {
      const std::optional<double> epsilon = number(field(state, "eps")), momentum = number(field(state, "momentum"));
      if (epsilon) {
        out_.norms[path] = {static_cast<float>(*epsilon),
                            static_cast<float>(momentum.value_or(graph::BatchNormAttributes{}.momentum))};
      }
    } else if (path == "act" || path.ends_with(".act")) {
      out_.activations[path] = name;
    } else if (const Value* strides = field(state, "stride"); strides && is_tensor(*strides)) {
      const Tensor tensor = tensors_.read(*strides, path + ".stride");
      if (tensor.dtype() == DType::f32) {
        out_.strides.assign(tensor.values<float>().begin(), tensor.values<float>().end());
      }
    }
  }

  Checkpoint& out_;
  TorchTensors& tensors_;
  std::string_view where_;
  int64_t steps_ = 0;
};

/// The archive's top folder: what stands before `/data.pkl`.
std::string root_of(const Zip& archive, std::string_view where) {
  constexpr std::string_view kPickle = "/data.pkl";
  std::string root;
  for (const auto& [name, entry] : archive.entries()) {
    if (!name.ends_with(kPickle)) continue;
    if (!root.empty()) fail(ErrorKind::data, "[weights.torch] expected one data.pkl, got two ({})", where);
    root = name.substr(0, name.size() - kPickle.size());
  }
  if (root.empty()) {
    fail(ErrorKind::data,
         "[weights.torch] expected an entry data.pkl, got none: a zip archive that is no checkpoint, {} ({})",
         archive.entries().empty() ? "and empty"
                                   : "the first entry is " + archive.entries().begin()->first.substr(0, 80),
         where);
  }
  if (const std::string order = root + "/byteorder"; archive.contains(order) && archive.read(order) != "little") {
    fail(ErrorKind::unsupported, "[weights.torch] expected a little-endian file, got '{}' ({})",
         archive.read(order).substr(0, 20), where);
  }
  return root;
}

/// Where weights are, in the order in which they are looked for: means over training first.
constexpr std::array<std::string_view, 19> kParts = {
    "ema",         "model_ema",  "ema_model", "ema_state_dict", "state_dict_ema", "model",   "model_state_dict",
    "model_state", "state_dict", "net",       "net_state_dict", "network",        "weights", "params_ema",
    "params",      "module",     "backbone",  "generator",      "student"};
constexpr int kMaxNesting = 4;

bool has_tensors(const Dict& dict) {
  return std::ranges::any_of(dict.items, [](const auto& item) { return is_tensor(*item.second); });
}

/// The value that holds the weights, and how it is called.
struct Weights {
  const Value* value = nullptr;
  std::string part;
};

/// Modules and dicts of tensors, in `value` or in what it holds under a name of kParts; a list or tuple for its first
/// item that has any.
/// steps: what is left of the bound on looking.
std::optional<Weights> weights_in(const Value* value, const std::string& part, int depth, int64_t& steps) {
  if (!value || depth > kMaxNesting || steps < 0) return std::nullopt;
  if (attributes(value)) return Weights{value, part.empty() ? "module" : part};
  const auto* list = value->as<pickle::List>();
  const auto* tuple = value->as<pickle::Tuple>();
  if (list || tuple) {
    const std::vector<Ref>& items = list ? list->items : tuple->items;
    for (size_t i = 0; i < std::min<size_t>(items.size(), 4); ++i) {
      if (auto found = weights_in(items[i], part, depth + 1, steps)) return found;
    }
    return std::nullopt;
  }
  // An object that holds a module, such as one that keeps the mean of weights, is its attributes.
  const Object* object = value->as<Object>();
  const Value* held = object ? object->state : value;
  const Dict* dict = held ? held->as<Dict>() : nullptr;
  if (!dict) return std::nullopt;
  steps -= static_cast<int64_t>((kParts.size() + 1) * dict->items.size()) + 1;
  if (!object && has_tensors(*dict)) return Weights{value, part.empty() ? "state_dict" : part};
  for (const std::string_view key : kParts) {
    if (auto found = weights_in(find(held, key), std::string(key), depth + 1, steps)) return found;
  }
  return std::nullopt;
}

/// Class names of a module, or of the one that it wraps.
const Value* names_in(const Value* state) {
  for (int depth = 0; state && depth < kMaxNesting; ++depth) {
    if (const Value* names = find(state, "names")) return names;
    const Value* children = find(state, "_modules");
    const Dict* dict = children ? children->as<Dict>() : nullptr;
    state = dict && dict->items.size() == 1 ? attributes(dict->items.front().second) : nullptr;
  }
  return nullptr;
}

}  // namespace

Checkpoint read_torch(std::string_view bytes, std::string_view where) {
  const Zip archive(bytes, where);
  const std::string root = root_of(archive, where);
  const std::string content = archive.read(root + "/data.pkl");
  const pickle::Document document = pickle::load(content, std::string(where) + "/data.pkl");

  Checkpoint out;
  out.format = "torch";
  TorchTensors tensors(archive, root, std::string(where));
  Walk walk(out, tensors, where);
  int64_t steps = kMaxSteps;
  const Weights weights = weights_in(&document.root(), "", 0, steps).value_or(Weights{&document.root(), "state_dict"});
  const Value* value = weights.value;
  out.part = weights.part;
  walk.class_names(find(&document.root(), "names"));
  if (const Value* state = attributes(value)) {
    walk.module(*value, "", 0);
    walk.class_names(names_in(state));
  } else if (const Dict* dict = value->as<Dict>()) {
    walk.state_dict(*dict);
  }
  out.preprocessing = read_preprocessing(document.root(), value, tensors, where);
  if (out.tensors.empty()) {
    fail(ErrorKind::data, "[weights.torch] expected a module or tensors by name, got neither ({})", where);
  }
  return out;
}

}  // namespace quench::weights
