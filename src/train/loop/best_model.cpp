#include "train/loop/best_model.h"

#include <algorithm>

#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/text.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"

namespace quench::train {
namespace {

namespace fs = std::filesystem;

const char* const kModel = "best.onnx";
const char* const kChecksums = "best.onnx.sha256";

/// Of the models that may lie there, the newest first; none where no file says so.
std::vector<std::string> checksums(const fs::path& folder) {
  if (!fs::exists(folder / kChecksums)) return {};
  return split_text(read_file(folder / kChecksums), '\n');
}

}  // namespace

void keep_best_model(const fs::path& folder, const graph::Graph& graph) {
  const std::string bytes = graph::write_onnx(graph);
  std::string known = sha256_hex(bytes) + "\n";
  if (fs::exists(folder / kModel)) known += sha256_file(folder / kModel) + "\n";
  write_file(folder / kChecksums, known);
  write_file(folder / kModel, bytes);
}

graph::Graph read_best_model(const fs::path& folder) {
  graph::ModelFile model = graph::read_model(folder / kModel);
  const std::vector<std::string> known = checksums(folder);
  if (!known.empty() && std::ranges::count(known, model.sha256) == 0) {
    fail(ErrorKind::data, "[train.best_model] expected the model that was written, got another: {} is damaged",
         (folder / kModel).string());
  }
  return std::move(model.graph);
}

}  // namespace quench::train
