#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/spec.h"
#include "weights/checkpoint.h"

namespace quench::weights {

/// Dimension `axis` of a tensor of rank `rank`; none where there is no such tensor.
std::optional<int64_t> dimension(const NamedTensors& tensors, const std::string& name, size_t rank, size_t axis);

/// What the head of a task's models is in released files. path: the head's module path ("model.24").
struct Head {
  /// Whether files have this head there.
  std::function<bool(const NamedTensors& tensors, const std::string& path)> in;
  /// The number of classes by the shape of its last layer; none where it is another head.
  std::function<std::optional<int64_t>(const models::Spec& spec, const NamedTensors& tensors, const std::string& path)>
      classes;
  std::vector<std::string> constants;  ///< tensors that are no weights, below its path, where it has no anchors
  bool strides = false;                ///< its outputs have strides, which files may hold
};

/// Throws Error{data} for a task that there is not.
const Head& head_of(std::string_view task);

}  // namespace quench::weights
