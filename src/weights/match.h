#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "models/spec.h"
#include "weights/checkpoint.h"

namespace quench::weights {

/// The model of the catalog that tensors belong to, told by names and shapes: the number of rows, the head, kernel and
/// channels of the first convolution. Empty for tensors of none.
std::optional<models::Spec> catalog_spec(const NamedTensors& tensors);

/// catalog_spec, for tensors that have to be of a model. Throws naming `where` Error{unsupported} for tensors of a model that is known and
/// not read (foreign_model), Error{data} for those of none.
models::Spec matching_spec(const NamedTensors& tensors, std::string_view where);

/// Number of classes by the shape of the head's last layer. Throws Error{data} where `spec` has another head.
int64_t class_count(const models::Spec& spec, const NamedTensors& tensors, std::string_view where);

/// Module path of the head: the last row (`model.24`).
std::string head_path(const models::Spec& spec);

/// Whether the head predicts boxes by anchors (YOLOv5).
bool has_anchors(const models::Spec& spec);

}  // namespace quench::weights
