#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"
#include "weights/checkpoint.h"

namespace quench::weights {

struct ImportOptions {
  std::string model;                 ///< name in the catalog; empty: told by the tensors
  int imgsz = 0;                     ///< side of the input in pixels; 0: the file's, else the model's own
  std::vector<std::string> classes;  ///< names that go before those of the file; empty: the file's, else "0", "1", ...
};

/// The Graph of a released model with its weights: built by models::build, tensors copied by name. A checkpoint without
/// batch norms has them folded, and gives a Graph as graph::fold_batch_norms leaves it. Batch norms' epsilon and
/// momentum come from the file where it says them; its convolutions, activations and strides must be those of the
/// model. Where the file says by which means and deviations its images are normalised, that is a fixed layer before all
/// others (graph::normalize_input); how it resizes and crops them is metadata `preparation` (models/preparation.h),
/// what it does besides and we do not, `preprocessing_differs`. Tensors that are no weights are checked and left out:
/// anchors (into metadata `anchors`, pixels), the fixed numbers of the DFL convolution, counters. Metadata: what
/// models::build sets, and `source` (`where`). Throws Error{data} naming `where`: one for all tensors that are missing,
/// too many, or of another shape (the first 10 and their number); Error{config} for a model, size or class names that
/// do not fit; Error{unsupported} for another activation.
graph::Graph import_checkpoint(const Checkpoint& checkpoint, const ImportOptions& options, std::string_view where);

/// Reads a file and imports it: a checkpoint (read_checkpoint), or ONNX of another tool (weights/onnx_import.h).
/// Metadata `source` is the file's name, `source_sha256` its hash. Throws Error{io} too, and Error{config} for a model
/// of quench's own.
graph::Graph import_file(const std::filesystem::path& path, const ImportOptions& options);

}  // namespace quench::weights
