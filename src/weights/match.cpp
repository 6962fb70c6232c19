#include "weights/match.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "core/error.h"
#include "weights/foreign.h"
#include "weights/heads.h"

namespace quench::weights {
namespace {

constexpr std::string_view kRow = "model.";
constexpr int64_t kMaxClasses = 30'000;

/// The highest row that a tensor belongs to (`model.24.m.0.weight`: 24); -1 for none.
int last_row(const NamedTensors& tensors) {
  int last = -1;
  for (const auto& [name, tensor] : tensors) {
    if (!name.starts_with(kRow)) continue;
    int row = -1;
    const auto [end, code] = std::from_chars(name.data() + kRow.size(), name.data() + name.size(), row);
    if (code == std::errc() && end != name.data() + name.size() && *end == '.') last = std::max(last, row);
  }
  return last;
}

constexpr const char* kFirst = "model.0.conv.weight";

bool fits(const models::Spec& spec, const NamedTensors& tensors, int last) {
  const models::Row& first = spec.rows.front();
  const auto channels = static_cast<int64_t>(static_cast<double>(std::get<int64_t>(first.args.at(0))) * spec.width);
  return last == static_cast<int>(spec.rows.size()) - 1 && dimension(tensors, kFirst, 4, 0) == channels &&
         dimension(tensors, kFirst, 4, 2) == std::get<int64_t>(first.args.at(1)) &&
         head_of(spec.task).in(tensors, head_path(spec));
}

}  // namespace

std::string head_path(const models::Spec& spec) { return fmt::format("{}{}", kRow, spec.rows.size() - 1); }

bool has_anchors(const models::Spec& spec) {
  const models::Row& head = spec.rows.back();
  return !head.args.empty() && std::holds_alternative<std::vector<int64_t>>(head.args.front());
}

std::optional<models::Spec> catalog_spec(const NamedTensors& tensors) {
  const int last = last_row(tensors);
  for (const std::string& name : models::names()) {
    models::Spec spec = models::spec(name);
    if (fits(spec, tensors, last)) return spec;
  }
  return std::nullopt;
}

models::Spec matching_spec(const NamedTensors& tensors, std::string_view where) {
  const std::string foreign = foreign_model(tensors);
  if (!foreign.empty()) {
    fail(ErrorKind::unsupported, "[weights.import] expected weights of a model that quench has, got {} ({})", foreign,
         where);
  }
  if (std::optional<models::Spec> spec = catalog_spec(tensors)) return std::move(*spec);
  const int last = last_row(tensors);
  const auto first = tensors.find(kFirst);
  fail(ErrorKind::data,
       "[weights.import] expected weights of one of {}, got {} tensors, the first convolution {}, the last row {} ({})",
       fmt::join(models::names(), ", "), tensors.size(),
       first == tensors.end() ? "missing" : to_string(first->second.shape()), last, where);
}

int64_t class_count(const models::Spec& spec, const NamedTensors& tensors, std::string_view where) {
  const std::string head = head_path(spec);
  const std::optional<int64_t> count = head_of(spec.task).classes(spec, tensors, head);
  if (!count || *count < 1 || *count > kMaxClasses) {
    fail(ErrorKind::data, "[weights.import] expected the head of {} at {}, got none or another ({})", spec.name, head,
         where);
  }
  return *count;
}

}  // namespace quench::weights
