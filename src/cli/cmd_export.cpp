#include "cli/base_commands.h"
#include "cli/commands.h"
#include "cli/model_argument.h"
#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "graph/onnx_write.h"
#include "graph/passes.h"
#include "models/decode_tail.h"

namespace quench::cli {

int run_export(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = program::settings(command("export"), Json::object(), invocation);
  if (options["output"].is_null()) fail(ErrorKind::config, "export: expected -o FILE, got none");
  require_a_name(invocation.inputs, options);
  graph::Graph graph = open_graph(invocation.inputs.at(0), options, environment);
  if (options["fold"].get<bool>()) graph = graph::fold_batch_norms(std::move(graph));
  const std::string path = options["output"];
  const bool decoded = options["with_nms_ready_outputs"];
  const std::string bytes = decoded ? write_onnx(graph, models::decode_tail(graph)) : graph::write_onnx(graph);
  write_file(path, bytes);
  environment.log.info(fmt::format("wrote {} (sha256 {})", path, sha256_hex(bytes).substr(0, 16)));
  return program::kOk;
}

}  // namespace quench::cli
