#include <filesystem>

#include "cli/base_commands.h"
#include "cli/commands.h"
#include "cli/lab.h"
#include "cli/model_argument.h"
#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "exports/ncnn.h"
#include "exports/tflite.h"
#include "graph/onnx_write.h"
#include "graph/passes.h"
#include "models/decode_tail.h"
#include "models/preparation.h"

namespace quench::cli {
namespace {

/// What one format has a setting for and another does not.
void require_settings(const Json& options) {
  const std::string to = options["to"];
  if (to != "onnx" && options["with_nms_ready_outputs"].get<bool>()) {
    fail(ErrorKind::config, "export: expected '--to onnx' with '--with-nms-ready-outputs', got {}", to);
  }
  if (to != "integers" && !options["source"].is_null()) {
    fail(ErrorKind::config, "export: expected '--to integers' with '--source', got {}", to);
  }
}

void write_told(const std::filesystem::path& path, const std::string& bytes, const LogSink& log) {
  write_file(path, bytes);
  log.info(fmt::format("wrote {} (sha256 {})", path.string(), sha256_hex(bytes).substr(0, 16)));
}

void write_ncnn(const graph::Graph& graph, std::filesystem::path path, const LogSink& log) {
  const exports::NcnnModel model = exports::ncnn_model(graph);
  write_file(path.replace_extension(".bin"), model.bin);
  write_file(path.replace_extension(".param"), model.param);
  log.info(fmt::format("wrote {} and its .bin (sha256 {})", path.string(), sha256_hex(model.bin).substr(0, 16)));
}

/// Of a file that has no place for it.
void tell_preparation(const graph::Graph& graph, const LogSink& log) {
  const pixels::Preparation preparation = models::preparation_of(graph);
  if (!preparation.is_own()) log.info("pictures for this model: " + pixels::described(preparation));
}

}  // namespace

int run_export(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = program::settings(command("export"), Json::object(), invocation);
  require_settings(options);
  require_a_name({invocation.inputs.front()}, options);
  if (options["output"].is_null()) {
    fail(ErrorKind::config, "export: expected -o {}, got none", options["to"] == "integers" ? "FOLDER" : "FILE");
  }
  const std::filesystem::path path = options["output"].get<std::string>();
  if (options["to"] == "integers") return run_in_library(invocation, environment);
  graph::Graph graph = open_graph(invocation.inputs.at(0), options, environment);
  if (options["to"] != "onnx") tell_preparation(graph, environment.log);
  if (options["to"] == "ncnn") {
    write_ncnn(graph, path, environment.log);
    return program::kOk;
  }
  if (options["to"] == "tflite") {
    write_told(path, exports::tflite_model(graph), environment.log);
    return program::kOk;
  }
  if (options["fold"].get<bool>()) graph = graph::fold_batch_norms(std::move(graph));
  const bool decoded = options["with_nms_ready_outputs"];
  const std::string bytes = decoded ? write_onnx(graph, models::decode_tail(graph)) : graph::write_onnx(graph);
  write_told(path, bytes, environment.log);
  return program::kOk;
}

}  // namespace quench::cli
