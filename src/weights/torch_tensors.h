#pragma once

#include <map>
#include <string>
#include <string_view>

#include "core/tensor.h"
#include "weights/pickle.h"
#include "weights/zip.h"

namespace quench::weights {

/// Whether a pickled value is a torch tensor or parameter.
bool is_tensor(const pickle::Value& value);

/// Makes tensors out of an archive of torch.save: a pickled tensor names a storage (entry `ROOT/data/KEY`), an offset,
/// sizes and strides.
class TorchTensors {
 public:
  /// `root` is the archive's top folder. The archive must outlive this object.
  TorchTensors(const Zip& archive, std::string root, std::string where);

  /// The tensor's values, row-major, as read_elements makes them. `name` is for messages.
  /// Throws Error{data} for a malformed tensor, a view that leaves its storage, or tensors that hold together far more
  /// than the archive does; Error{unsupported} for kinds of tensors and storages that weights do not have (sparse,
  /// quantized, complex).
  Tensor read(const pickle::Value& value, std::string_view name);

 private:
  const std::string& storage(const std::string& key);

  const Zip& archive_;
  std::string root_;
  std::string where_;
  std::map<std::string, std::string> storages_;  // by key
  uint64_t elements_left_;
};

}  // namespace quench::weights
