#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "devices/device.h"
#include "graph/graph.h"

namespace quench::devices {

/// A latency that somebody measured.
struct Anchor {
  std::string device;   ///< as the source calls it
  std::string model;    ///< name, as anchor_graph() takes it
  int64_t imgsz = 0;    ///< side of the input in pixels
  std::string runtime;  ///< without its version: "tensorrt"
  Precision precision = Precision::fp32;
  int64_t latency_ns = 0;
  std::string where;  ///< "anchors.csv:12"
};

struct AnchorFile {
  std::vector<Anchor> anchors;
  std::vector<std::string> skipped;  ///< lines that cannot be used, and why
  std::vector<int64_t> unfilled;     ///< numbers of the lines without a latency: not measured
};

/// Reads CSV (RFC 4180, first line names the columns). Needs the columns device, model, input, runtime, precision,
/// latency_ms; others are ignored. A runtime's version is cut off ("tensorrt8.2"), and so is "-fp16"; a precision may
/// be followed by `?` or words ("fp16?", "fp32 model"); a line with another is skipped, and so is one whose
/// latency is empty. Throws Error{data} naming
/// `where` and the line for missing columns, wrong numbers of fields, sizes and latencies that are not positive
/// numbers.
AnchorFile read_anchors(std::string_view text, const std::string& where);

/// The graph of a model as published latencies name it: one that quench builds, or Ultralytics' YOLOv5u (`yolov5nu`:
/// YOLOv5's rows with YOLOv8's head). Throws Error{config} for others.
graph::Graph anchor_graph(const std::string& model, int64_t imgsz);

/// The same model as a family and its multipliers, so that `yolov8n` and `yolov8:d0.33w0.25` are one.
struct ScaledName {
  std::string name;    ///< "yolov8:d0.33w0.25"
  std::string family;  ///< "yolov8", "yolov5-cls", "yolov5u"
  std::string width;   ///< "0.25"
};
ScaledName scaled_name(const std::string& model);

}  // namespace quench::devices
