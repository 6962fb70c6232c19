#include "onnx/attributes.h"

#include "core/error.h"

namespace quench::onnx {

using quench_onnx::AttributeProto;

const AttributeProto* Attributes::find(std::string_view name, int type) const {
  for (const AttributeProto& attribute : node_.attribute()) {
    if (attribute.name() != name) continue;
    if (attribute.type() == type) return &attribute;
    fail(ErrorKind::data, "[onnx] expected attribute {} of type {}, got type {} (node {})", name, type,
         static_cast<int>(attribute.type()), node_.name());
  }
  return nullptr;
}

bool Attributes::has(std::string_view name) const {
  for (const AttributeProto& attribute : node_.attribute()) {
    if (attribute.name() == name) return true;
  }
  return false;
}

int64_t Attributes::integer(std::string_view name, int64_t otherwise) const {
  const AttributeProto* found = find(name, AttributeProto::INT);
  return found ? found->i() : otherwise;
}

float Attributes::real(std::string_view name, float otherwise) const {
  const AttributeProto* found = find(name, AttributeProto::FLOAT);
  return found ? found->f() : otherwise;
}

std::string Attributes::text(std::string_view name, const std::string& otherwise) const {
  const AttributeProto* found = find(name, AttributeProto::STRING);
  return found ? found->s() : otherwise;
}

std::optional<std::vector<int64_t>> Attributes::integers(std::string_view name) const {
  const AttributeProto* found = find(name, AttributeProto::INTS);
  if (!found) return std::nullopt;
  return std::vector<int64_t>(found->ints().begin(), found->ints().end());
}

std::vector<float> Attributes::reals(std::string_view name) const {
  const AttributeProto* found = find(name, AttributeProto::FLOATS);
  return found ? std::vector<float>(found->floats().begin(), found->floats().end()) : std::vector<float>();
}

const quench_onnx::TensorProto* Attributes::tensor(std::string_view name) const {
  const AttributeProto* found = find(name, AttributeProto::TENSOR);
  return found ? &found->t() : nullptr;
}

}  // namespace quench::onnx
