#include "cli/detector_settings.h"

#include <algorithm>

#include "core/error.h"
#include "core/printable.h"
#include "models/task.h"

namespace quench::cli {
namespace {

constexpr const char* kOfDetectors[] = {"confidence", "iou", "max_detections", "multi_label", "class_agnostic", "rect"};

}  // namespace

void require_detector(const Json& given, const std::vector<graph::ModelFile>& models) {
  const auto detects = [](const graph::ModelFile& model) { return models::task_of(model.graph) != "classify"; };
  if (models.empty() || std::ranges::any_of(models, detects)) return;
  for (const char* name : kOfDetectors) {
    if (!given.contains(name)) continue;
    fail(ErrorKind::config, "expected a detector for the setting '{}', got the classifier {}", name,
         printable_line(models.front().path.string()));
  }
}

}  // namespace quench::cli
