#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "graph/graph.h"

namespace quench::graph {

/// Inverse of write_onnx: read_onnx(write_onnx(g)) == g. Q/DQ pairs become QuantParams on edges and weights.
/// Throws Error{data} naming `where` for bytes that are truncated, not ONNX, not written by quench
/// (no `quench_version` metadata), written with a tail for other tools (onnx_tail.h), or hold an operation or attribute
/// that a Graph cannot hold. Never crashes.
Graph read_onnx(std::string_view bytes, std::string_view where);

/// A model file, read once: what is run is what was hashed.
struct ModelFile {
  std::filesystem::path path;
  std::string bytes;
  std::string sha256;
  Graph graph;
};

/// Throws Error{io} or Error{data}.
ModelFile read_model(const std::filesystem::path& path);

}  // namespace quench::graph
