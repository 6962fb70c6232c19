#pragma once

#include <filesystem>
#include <string>

#include "graph/graph.h"
#include "models/nms.h"
#include "pack/header.h"

/// Small models and packs that fit them, for tests of quench-agent.
namespace quench::agent::samples {

/// A classifier (yolov5n-cls, 32 px, four classes) with initial weights; int8: with quantization parameters.
graph::Graph classifier(bool int8);
/// The int8 classifier with weights of -127 and 127 alone: the largest sums.
graph::Graph extremes();
/// A detector (yolov8n, 64 px, two classes), the same.
graph::Graph detector(bool int8);

/// Noise of a size with labels, written as a pack.
pack::Header write_classify_pack(const std::filesystem::path& path, int64_t count, int64_t side = 32);

/// Noise, letterboxed from images of many shapes, with true objects among what the model finds in it (so that scores
/// are far from 0), some crowds, and some objects elsewhere.
pack::Header write_detect_pack(const std::filesystem::path& path, int64_t count, const graph::Graph& model);

}  // namespace quench::agent::samples
