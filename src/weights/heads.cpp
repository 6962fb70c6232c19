// Heads in released files: of each task a function, QUENCH_TASKS names them.
#include "weights/heads.h"

#include <map>

#include "core/task.h"
#include "core/task_list.h"
#include "weights/match.h"

namespace quench::weights {
namespace {

Head classify_head() {
  return {
      [](const NamedTensors& tensors, const std::string& path) { return tensors.contains(path + ".linear.weight"); },
      [](const models::Spec&, const NamedTensors& tensors, const std::string& path) {
        return dimension(tensors, path + ".linear.weight", 2, 0);
      },
      {},
      false};
}

/// With anchors (YOLOv5) each has a row a class and five more; without (YOLOv8) there is a layer for classes alone.
std::optional<int64_t> detector_classes(const models::Spec& spec, const NamedTensors& tensors,
                                        const std::string& path) {
  if (!has_anchors(spec)) return dimension(tensors, path + ".cv3.0.2.weight", 4, 0);
  const auto by_spec = static_cast<int64_t>(std::get<std::vector<int64_t>>(spec.rows.back().args.front()).size()) / 2;
  const int64_t anchors = dimension(tensors, path + ".anchors", 3, 1).value_or(by_spec);
  const std::optional<int64_t> outputs = dimension(tensors, path + ".m.0.weight", 4, 0);
  if (!outputs || anchors < 1 || *outputs % anchors != 0) return std::nullopt;
  return *outputs / anchors - 5;
}

Head detect_head() {
  return {
      [](const NamedTensors& tensors, const std::string& path) { return !tensors.contains(path + ".linear.weight"); },
      detector_classes,
      {".dfl.conv.weight"},
      true};
}

}  // namespace

std::optional<int64_t> dimension(const NamedTensors& tensors, const std::string& name, size_t rank, size_t axis) {
  const auto found = tensors.find(name);
  if (found == tensors.end() || found->second.shape().size() != rank || found->second.empty()) {
    return std::nullopt;
  }
  return found->second.shape()[axis];
}

const Head& head_of(std::string_view task) {
  static const std::map<std::string, Head> all{
#define QUENCH_ENTRY(name) {#name, name##_head()},
      QUENCH_TASKS(QUENCH_ENTRY)
#undef QUENCH_ENTRY
  };
  return all.at(require_task(task, "[weights.head]").name);
}

}  // namespace quench::weights
