#include "agent/model_file.h"

#include "core/error.h"
#include "core/file.h"

namespace quench::agent {
namespace {

/// A zip archive as torch.save writes it, or a pickle; a header of JSON behind its length, as safetensors have.
bool is_weights(std::string_view bytes) {
  return bytes.starts_with("PK\x03\x04") || bytes.starts_with('\x80') || (bytes.size() > 8 && bytes[8] == '{');
}

}  // namespace

graph::ModelFile read_model(const std::filesystem::path& path) {
  try {
    return graph::read_model(path);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::data || !is_weights(read_file(path))) throw;
  }
  const std::string made = std::filesystem::path(path.filename()).replace_extension(".onnx").string();
  fail(ErrorKind::config,
       "quench-agent reads ONNX: where quench is, `quench import {} -o {}` makes it of these weights", path.string(),
       made);
}

}  // namespace quench::agent
