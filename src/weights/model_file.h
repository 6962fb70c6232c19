#pragma once

#include <filesystem>
#include <string_view>

#include "core/log.h"
#include "graph/onnx_read.h"

namespace quench::weights {

/// Whether the bytes are weights that are imported, and no ONNX file: an archive of torch.save, a bare pickle, or
/// .safetensors.
bool is_checkpoint(std::string_view bytes);

/// Tells what metadata of an imported model say that its user should know: `preprocessing_differs`, `import_notes`.
void warn_of_import(const graph::Graph& imported, const LogSink& log);

/// A model of a file: ONNX of ours as it is, a checkpoint or float ONNX of another tool imported (import_file). What
/// was imported is kept in the folder `imported` of `cache` under the sha256 of the file, and taken from there the next
/// time; nothing is kept where `cache` is empty or cannot be written, and of ONNX whose weights lie in files beside.
/// `path` of the result is the file that was given, `bytes` are ONNX's. log: that it was imported, and where it is
/// kept. Throws Error{io}, Error{data}, Error{unsupported}; what is neither is said to be what it is.
graph::ModelFile read_model_file(const std::filesystem::path& path, const std::filesystem::path& cache,
                                 const LogSink& log);

}  // namespace quench::weights
