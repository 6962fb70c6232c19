#include "weights/model_file.h"

#include "core/error.h"
#include "core/file.h"
#include "core/file_kind.h"
#include "core/hash.h"
#include "graph/onnx_write.h"
#include "onnx/document.h"
#include "weights/import.h"

namespace quench::weights {
namespace {

namespace fs = std::filesystem;

/// Counted up where the same checkpoint becomes another model, so that what older programs kept is not taken.
constexpr int kImportVersion = 2;

/// Says what a file is that is no model.
void require_model(std::string_view bytes, const fs::path& path) {
  const std::string kind = file_kind(bytes);
  if (kind.empty()) return;
  fail(ErrorKind::data, "[weights] expected a model (.onnx, .pt or .safetensors), got {} ({})", kind, path.string());
}

graph::ModelFile model_of(std::string bytes, const fs::path& shown) {
  graph::ModelFile model;
  model.path = shown;
  model.sha256 = sha256_hex(bytes);
  model.graph = graph::read_onnx(bytes, shown.string());
  model.bytes = std::move(bytes);
  return model;
}

std::string in_short(const graph::Graph& graph) {
  return fmt::format("{}, {} px", graph.metadata.at("model"), graph.edge(graph.inputs.at(0)).shape.at(2));
}

/// What was kept; nothing where there is none, or where it does not read.
std::optional<graph::ModelFile> kept_model(const fs::path& kept, const fs::path& shown) {
  std::error_code ignored;
  if (kept.empty() || !fs::is_regular_file(kept, ignored)) return std::nullopt;
  try {
    return model_of(read_file(kept), shown);
  } catch (const Error&) {
    return std::nullopt;  // damaged, or of another version: made again
  }
}

}  // namespace

void warn_of_import(const graph::Graph& imported, const LogSink& log) {
  if (const auto differs = imported.metadata.find("preprocessing_differs"); differs != imported.metadata.end()) {
    log.warning("images are not prepared as the file's transforms do: it " + differs->second);
  }
  const auto notes = imported.metadata.find("import_notes");
  const auto source = imported.metadata.find("source");
  if (notes == imported.metadata.end() || source == imported.metadata.end()) return;
  log.warning(source->second + ": " + notes->second);
}

bool is_checkpoint(std::string_view bytes) {
  return bytes.starts_with("PK") || bytes.starts_with('\x80') || (bytes.size() > 8 && bytes[8] == '{');
}

graph::ModelFile read_model_file(const fs::path& path, const fs::path& cache, const LogSink& log) {
  const std::string bytes = read_file(path);
  const bool foreign = !is_checkpoint(bytes) && onnx::origin_of(bytes) == onnx::Origin::other;
  if (!is_checkpoint(bytes) && !foreign) {
    require_model(bytes, path);
    return model_of(bytes, path);
  }
  const std::string name = fmt::format("{}-{}.onnx", sha256_hex(bytes).substr(0, 16), kImportVersion);
  const bool whole = !foreign || !onnx::has_external_data(bytes);
  const fs::path kept = cache.empty() || !whole ? fs::path() : cache / "imported" / name;
  const char* what = foreign ? "ONNX of another tool" : "weights";
  if (std::optional<graph::ModelFile> model = kept_model(kept, path)) {
    log.info(
        fmt::format("{}: {}, imported before: {} ({})", path.string(), what, kept.string(), in_short(model->graph)));
    warn_of_import(model->graph, log);
    return std::move(*model);
  }
  const graph::Graph imported = import_file(path, {});
  warn_of_import(imported, log);
  std::string made = graph::write_onnx(imported);
  std::string where = "for this run";
  if (!kept.empty()) {
    try {
      write_file(kept, made);
      where = "to " + kept.string();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::io) throw;
      where = "for this run (it cannot be kept)";
    }
  }
  log.info(fmt::format("{}: {}, imported {} ({}); `quench import` takes settings", path.string(), what, where,
                       in_short(imported)));
  return model_of(std::move(made), path);
}

}  // namespace quench::weights
