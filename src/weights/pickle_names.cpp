#include <algorithm>
#include <array>

#include "weights/pickle.h"

namespace quench::weights::pickle {
namespace {

using std::string_view;

template <size_t N>
bool contains(const std::array<string_view, N>& list, string_view word) {
  return std::ranges::find(list, word) != list.end();
}

bool is_builtins(string_view module) { return module == "builtins" || module == "__builtin__"; }

/// Modules all of whose names become records: classes of models and of what they are made of.
constexpr std::array<string_view, 12> kFamilies = {
    "models",         "utils",       "yolov5",       "ultralytics",         "torch.nn", "torch.optim", "torch.amp",
    "torch.cuda.amp", "torchvision", "numpy.dtypes", "torch.torch_version", kMadeTypes,
};

/// Types of the language whose call is a plain value.
constexpr std::array<string_view, 14> kPlainTypes = {"list",  "tuple",   "dict",  "int",      "long",
                                                     "float", "complex", "bool",  "str",      "unicode",
                                                     "bytes", "slice",   "range", "bytearray"};

constexpr std::array<string_view, 18> kTorchNames = {
    "Size",  "device", "Tensor", "dtype", "float16", "bfloat16", "float32", "float64", "half",
    "float", "double", "uint8",  "int8",  "int16",   "int32",    "int64",   "bool",    "strided",
};

constexpr std::array<string_view, 4> kTorchStorages = {"UntypedStorage", "TypedStorage", "_UntypedStorage",
                                                       "_TypedStorage"};

/// What dill writes of classes and functions that a script defines: their code is read as records, and never run.
constexpr std::array<string_view, 8> kDill = {"_create_function", "_create_code",       "_create_cell",
                                              "_create_array",    "_create_namedtuple", "_create_dtypemeta",
                                              "_import_module",   "_get_attr"};

constexpr std::array<string_view, 5> kDatetime = {"datetime", "date", "time", "timedelta", "timezone"};

bool in_family(string_view module) {
  return std::ranges::any_of(kFamilies, [&](string_view family) {
    return module.starts_with(family) && (module.size() == family.size() || module[family.size()] == '.');
  });
}

bool is_record(string_view module, string_view name) {
  // A dotted name reaches into a module's own imports (`models.common` `os.system`).
  if (name.find('.') != string_view::npos) return false;
  if (in_family(module)) return true;
  if (is_builtins(module)) return contains(kPlainTypes, name);
  if (module == "torch") return name.ends_with("Storage") || contains(kTorchNames, name);
  if (module == "torch._utils") return name.starts_with("_rebuild_");
  if (module == "torch._tensor") return name == "_rebuild_from_type_v2";
  if (module == "torch.storage") return contains(kTorchStorages, name);
  if (module == "torch.serialization") return name == "_get_layout";
  if (module == "numpy") return name == "dtype" || name == "ndarray";
  if (module == "numpy.core.multiarray" || module == "numpy._core.multiarray") {
    return name == "scalar" || name == "_reconstruct";
  }
  if (module == "pathlib" || module == "pathlib._local") return name.ends_with("Path");
  if (module == "datetime") return contains(kDatetime, name);
  if (module == "collections") return name == "deque" || name == "Counter";
  if (module == "argparse") return name == "Namespace";
  if (module == "types") return name == "SimpleNamespace";
  if (module == "dill._dill") return contains(kDill, name);
  if (module == "PIL.Image") return name == "Resampling" || name == "Transpose" || name == "Dither";
  if (module == "_codecs") return name == "encode";
  if (module == "copyreg" || module == "copy_reg") return name == "_reconstructor";
  return false;
}

}  // namespace

Trust trust(string_view module, string_view name) {
  if (module == "collections" && (name == "OrderedDict" || name == "defaultdict")) return Trust::container;
  if (is_builtins(module) && (name == "set" || name == "frozenset")) return Trust::container;
  if (is_builtins(module) && name == "getattr") return Trust::method;
  if (module == "dill._dill" && (name == "_load_type" || name == "_create_type")) return Trust::type;
  if (module == "dill.dill" || module == "dill") return trust("dill._dill", name);
  return is_record(module, name) ? Trust::record : Trust::refused;
}

}  // namespace quench::weights::pickle
