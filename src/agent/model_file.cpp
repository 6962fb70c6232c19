#include "agent/model_file.h"

#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"

namespace quench::agent {
namespace {

/// A zip archive as torch.save writes it, or a pickle; a header of JSON behind its length, as safetensors have.
bool is_weights(std::string_view bytes) {
  return bytes.starts_with("PK\x03\x04") || bytes.starts_with('\x80') || (bytes.size() > 8 && bytes[8] == '{');
}

}  // namespace

graph::ModelFile read_model(const std::filesystem::path& path) {
  graph::ModelFile file;
  file.path = path;
  file.bytes = read_file(path);
  if (is_weights(file.bytes)) {
    const std::string made = std::filesystem::path(path.filename()).replace_extension(".onnx").string();
    fail(ErrorKind::config,
         "quench-agent reads ONNX: where quench is, `quench import {} -o {}` makes it of these weights", path.string(),
         made);
  }
  file.sha256 = sha256_hex(file.bytes);
  file.graph = graph::read_onnx(file.bytes, path.string());
  return file;
}

}  // namespace quench::agent
