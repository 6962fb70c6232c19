#include "models/detect_head.h"

#include "core/error.h"
#include "core/json.h"

namespace quench::models {
namespace {

constexpr const char* kDetect = "detect";  // the task whose head this is

/// The value of a metadata key as JSON; null where it is missing.
Json metadata(const graph::Graph& graph, const std::string& key) {
  const auto found = graph.metadata.find(key);
  return found == graph.metadata.end() ? Json() : parse_json(found->second, "metadata '" + key + "'");
}

/// The metadata `key` as T. Throws Error{data} where it is missing or of another form.
template <typename T>
T required(const graph::Graph& graph, const std::string& key) {
  const Json value = metadata(graph, key);
  try {
    return value.get<T>();
  } catch (const Json::exception&) {
    fail(ErrorKind::data, "[models.detect_head] expected metadata '{}' of a detector, got {}", key, value.dump());
  }
}

std::vector<std::vector<std::array<double, 2>>> read_anchors(const graph::Graph& graph) {
  std::vector<std::vector<std::array<double, 2>>> anchors;
  for (const std::vector<double>& level : required<std::vector<std::vector<double>>>(graph, "anchors")) {
    if (level.empty() || level.size() % 2 != 0) {
      fail(ErrorKind::data, "[models.detect_head] expected a width and a height for each anchor, got {} numbers",
           level.size());
    }
    std::vector<std::array<double, 2>>& sizes = anchors.emplace_back();
    for (size_t i = 0; i < level.size(); i += 2) {
      if (!(level[i] > 0 && level[i + 1] > 0)) {
        fail(ErrorKind::data, "[models.detect_head] expected anchors above 0, got {} x {}", level[i], level[i + 1]);
      }
      sizes.push_back({level[i], level[i + 1]});
    }
  }
  return anchors;
}

/// Channels that each output must have, in order.
std::vector<int64_t> output_channels(const DetectHead& head) {
  std::vector<int64_t> channels;
  for (size_t level = 0; level < head.strides.size(); ++level) {
    if (head.anchor_free()) {
      channels.push_back(4 * head.reg_max);
      channels.push_back(head.class_count());
    } else {
      channels.push_back(static_cast<int64_t>(head.anchors[level].size()) * (5 + head.class_count()));
    }
  }
  return channels;
}

}  // namespace

DetectHead detect_head(const graph::Graph& graph) {
  const auto task = graph.metadata.find("task");
  if (task == graph.metadata.end() || task->second != kDetect) {
    fail(ErrorKind::config, "[models.detect_head] expected a detector, got a model for '{}'",
         task == graph.metadata.end() ? "" : task->second);
  }
  DetectHead head;
  head.classes = required<std::vector<std::string>>(graph, "classes");
  head.strides = required<std::vector<int64_t>>(graph, "strides");
  if (graph.metadata.contains("anchors")) {
    head.anchors = read_anchors(graph);
    if (head.anchors.size() != head.strides.size()) {
      fail(ErrorKind::data, "[models.detect_head] expected anchors for {} levels, got {}", head.strides.size(),
           head.anchors.size());
    }
  } else {
    head.reg_max = required<int64_t>(graph, "reg_max");
    if (head.reg_max < 1)
      fail(ErrorKind::data, "[models.detect_head] expected reg_max of 1 or more, got {}", head.reg_max);
  }
  const std::vector<int64_t> channels = output_channels(head);
  if (graph.outputs.size() != channels.size()) {
    fail(ErrorKind::data, "[models.detect_head] expected {} outputs, got {}", channels.size(), graph.outputs.size());
  }
  for (size_t i = 0; i < channels.size(); ++i) {
    const Shape& shape = graph.edge(graph.outputs[i]).shape;
    if (shape.size() != 4 || shape[1] != channels[i]) {
      fail(ErrorKind::data, "[models.detect_head] expected output {} of {} channels, got {}", i, channels[i],
           to_string(shape));
    }
  }
  return head;
}

}  // namespace quench::models
