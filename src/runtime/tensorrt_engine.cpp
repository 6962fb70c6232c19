#include "runtime/tensorrt_engine.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/process.h"
#include "core/text.h"
#include "graph/quantized.h"

namespace quench::runtime::trtexec {
namespace {

namespace fs = std::filesystem;

/// Whether the model holds Q/DQ. Throws Error{unsupported} where they are not such as TensorRT takes.
bool takes_int8(const graph::Graph& graph) {
  for (const auto& [name, quant] : graph::quantized_values(graph)) {
    if (graph::is_symmetric_int8(*quant)) continue;
    fail(ErrorKind::unsupported,
         "[{}] expected int8 around zero point 0, got {} at '{}': TensorRT takes no other; quantize with --target "
         "tensorrt",
         kWhere, to_string(quant->dtype), name);
  }
  return graph::is_quantized(graph);
}

std::string text_of(const fs::path& file) {
  try {
    return read_file(file);
  } catch (const Error&) {
    return "";
  }
}

/// What a program that failed means.
[[noreturn]] void fail_by(const ProcessResult& result, const char* doing) {
  const std::string text = failure_text(result.output, result.error);
  const bool no_int8 = lower(text).find("require hardware with int8") != std::string::npos;
  fail(no_int8 ? ErrorKind::unsupported : ErrorKind::backend, "[{}] trtexec could not {} (exit code {}): {}", kWhere,
       doing, result.exit_code, text.empty() ? "it said nothing" : text);
}

}  // namespace

Scratch::Scratch(const fs::path& parent) {
  const fs::path base = parent.empty() ? fs::temp_directory_path() : parent;
  std::error_code code;
  fs::create_directories(base, code);
  std::string name = (base / "quench-tensorrt-XXXXXX").string();
  if (!::mkdtemp(name.data())) fail(ErrorKind::io, "[{}] cannot create {}: {}", kWhere, name, std::strerror(errno));
  path_ = name;
}

Scratch::~Scratch() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string device_text(const fs::path& root) {
  std::string text = text_of(root / "proc/device-tree/model") + text_of(root / "proc/driver/nvidia/version");
  std::error_code code;
  for (fs::directory_iterator gpu(root / "proc/driver/nvidia/gpus", code), end; !code && gpu != end;
       gpu.increment(code)) {
    text += text_of(gpu->path() / "information");
  }
  return text;
}

Engines::Engines(Tool tool, const graph::ModelFile& model, bool fp16, fs::path cache_folder)
    : tool_(std::move(tool)),
      model_(model),
      fp16_(fp16),
      int8_(takes_int8(model.graph)),
      cache_folder_(cache_folder.empty() ? fs::path() : std::move(cache_folder) / "tensorrt"),
      scratch_(cache_folder_) {
  if (model.graph.inputs.size() != 1) {
    fail(ErrorKind::unsupported, "[{}] expected a model of one input, got {}", kWhere, model.graph.inputs.size());
  }
  if (scratch_.path().string().find_first_of(",:") != std::string::npos) {
    fail(ErrorKind::config, "[{}] trtexec takes no ',' or ':' in a file's path, as in {}", kWhere,
         scratch_.path().string());
  }
  input_name_ = model.graph.edge(model.graph.inputs[0]).name;
}

Engines::Engine& Engines::engine(const Shape& shape) {
  const int64_t batch = shape.at(0);
  if (const auto found = engines_.find(batch); found != engines_.end()) return found->second;
  Build wanted{scratch_.path() / "model.onnx", {}, shape_spec(input_name_, shape), fp16_, int8_};
  const std::string key = sha256_hex(model_.sha256 + "\n" + build_key(tool_, wanted) + "\n" + device_text());
  const fs::path folder = cache_folder_.empty() ? scratch_.path() : cache_folder_;
  Engine made{folder / (key.substr(0, 32) + ".engine"), wanted.shapes, true, 0};
  if (!fs::exists(made.file)) {
    wanted.engine = made.file;
    const int64_t start = now_ns();
    build(wanted);
    made.from_cache = false;
    made.seconds = static_cast<double>(now_ns() - start) / 1e9;
  }
  return engines_[batch] = made;
}

void Engines::build(const Build& wanted) const {
  if (!fs::exists(wanted.onnx)) write_file(wanted.onnx, model_.bytes);
  Build unfinished = wanted;
  unfinished.engine = scratch_.path() / "unfinished.engine";
  const ProcessResult result = run_process(build_command(tool_, unfinished));
  std::error_code code;
  if (result.exit_code != 0 || !fs::exists(unfinished.engine)) fail_by(result, "build the engine");
  fs::rename(unfinished.engine, wanted.engine, code);  // whole or not at all; both lie in one folder's tree
  if (code) fail(ErrorKind::io, "[{}] cannot write {}: {}", kWhere, wanted.engine.string(), code.message());
}

void Engines::require(const Shape& shape) { engine(shape); }

void Engines::run(const Shape& shape, const Command& command, const std::function<void(std::string_view)>& on_line,
                  const CancelToken* cancel) {
  Engine& used = engine(shape);
  ProcessOptions options;
  options.on_output = options.on_error = on_line;
  options.cancel = cancel;
  const auto attempt = [&] {
    return run_process(command({used.file, used.shapes, input_name_, input_file()}), options);
  };
  ProcessResult result = attempt();
  if (result.exit_code != 0 && used.from_cache) {
    fs::remove(used.file);
    engines_.erase(shape.at(0));
    Engine& fresh = engine(shape);
    result = run_process(command({fresh.file, fresh.shapes, input_name_, input_file()}), options);
  }
  if (result.exit_code != 0) fail_by(result, "run the engine");
}

std::vector<std::string> Engines::notes() const {
  std::vector<std::string> lines;
  for (const auto& [batch, engine] : engines_) {
    lines.push_back(engine.from_cache ? fmt::format("engine of batch {} from the cache", batch)
                                      : fmt::format("engine of batch {} built in {:.0f} s", batch, engine.seconds));
  }
  return lines;
}

}  // namespace quench::runtime::trtexec
