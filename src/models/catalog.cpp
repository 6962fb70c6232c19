#include <algorithm>

#include "core/error.h"
#include "core/task.h"
#include "core/text.h"
#include "models/families.h"
#include "models/scaled.h"

namespace quench::models {
namespace {

const std::vector<Spec>& catalog() {
  static const std::vector<Spec> specs = [] {
    std::vector<Spec> all = yolov5();
    std::ranges::move(yolov8(), std::back_inserter(all));
    std::ranges::stable_partition(all, [](const Spec& spec) { return spec.task == default_task(); });
    return all;
  }();
  return specs;
}

}  // namespace

const std::vector<std::string>& names() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> out;
    for (const Spec& spec : catalog()) out.push_back(spec.name);
    return out;
  }();
  return all;
}

Spec spec(const std::string& name) {
  if (std::optional<Spec> scaled = scaled_spec(name, catalog())) return *scaled;
  const auto found = std::ranges::find(catalog(), name, &Spec::name);
  if (found == catalog().end())
    fail(ErrorKind::config, "[models] unknown model '{}'{}", name, suggestion(name, names()));
  return *found;
}

bool is_name(const std::string& name) {
  try {
    spec(name);
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace quench::models
