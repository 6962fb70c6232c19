#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "graph/graph.h"

namespace quench::models {

/// Argument of a row: number, list or word.
using Argument = std::variant<int64_t, std::vector<int64_t>, std::string>;

/// One row of a model table: `[from, repeats, module, args]` as the YOLO papers' configuration files have it.
/// `from` -1 is the row above; others are absolute row numbers.
struct Row {
  std::vector<int> from;
  int repeats = 1;
  std::string module;  ///< Conv, C3, C2f, SPPF, Upsample, Concat, Classify, Detect
  std::vector<Argument> args;
};

/// A model family member: rows plus scales.
struct Spec {
  std::string name;    ///< "yolov5n-cls"
  std::string family;  ///< "yolov5" | "yolov8"
  std::string task;    ///< "classify" | "detect"
  double depth = 1;
  double width = 1;
  int64_t max_channels = 1024;  ///< before scaling by width (YOLOv8)
  int default_imgsz = 640;
  std::vector<Row> rows;
};

struct BuildOptions {
  std::vector<std::string> classes;  ///< names; their number sizes the head. Empty: 1000 (classify) or 80 (detect)
  int imgsz = 0;                     ///< 0: the spec's own (224 classify, 640 detect)
  int stem_stride = 2;               ///< 1 keeps the resolution in the first conv, for small images
  uint64_t seed = 0;                 ///< of the initial weights
};

/// Names of the published models, in order. spec() takes any multipliers beside these.
const std::vector<std::string>& names();

/// The spec of a name: one of names(), or a family with multipliers of depth and width (`yolov8:d0.67w0.25`,
/// models/scaled.h). Throws Error{config} naming the nearest.
Spec spec(const std::string& name);

/// Whether spec() takes a name.
bool is_name(const std::string& name);

/// Expands rows into a Graph with freshly initialised weights (batch norm unfolded; names are the published module
/// paths, `model.2.m.0.cv1.conv`), verified, shapes inferred, metadata set. Throws Error{config}.
graph::Graph build(const Spec& spec, const BuildOptions& options);
graph::Graph build(const std::string& name, const BuildOptions& options);

}  // namespace quench::models
