#include "runtime/tensorrt.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "core/error.h"
#include "core/file.h"
#include "core/process.h"
#include "runtime/requantization.h"
#include "runtime/tensorrt_engine.h"

namespace quench::runtime {
namespace {

namespace fs = std::filesystem;

constexpr char kOwnFolder[] = "/usr/src/tensorrt/bin";  // where JetPack has it, outside of the search path
constexpr double kHelpSeconds = 120;
constexpr int64_t kValuesOfARun = 4'000'000;  // outputs come as text, about 10 bytes a value

/// The tool, or why there is none.
struct Found {
  std::optional<trtexec::Tool> tool;
  std::string reason;
};

Found find_tool(const std::vector<std::string>& search) {
  std::vector<std::string> folders = search;
  folders.emplace_back(kOwnFolder);
  for (const std::string& folder : folders) {
    const fs::path path = fs::path(folder.empty() ? "." : folder) / "trtexec";
    std::error_code code;
    if (!fs::is_regular_file(path, code)) continue;
    try {
      ProcessOptions options;
      options.timeout_seconds = kHelpSeconds;
      const ProcessResult help = run_process({path.string(), "--help"}, options);
      if (help.exit_code != 0 && help.output.find("--onnx") == std::string::npos) {
        return {std::nullopt, fmt::format("{} --help failed (exit code {}): {}", path.string(), help.exit_code,
                                          trtexec::failure_text(help.output, help.error))};
      }
      return {trtexec::read_help(path, help.output), ""};
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::cancelled) throw;
      return {std::nullopt, error.what()};
    }
  }
  return {std::nullopt, fmt::format("trtexec not found in PATH or {}", kOwnFolder)};
}

class TensorRtSession : public Session {
 public:
  TensorRtSession(const trtexec::Tool& tool, const graph::ModelFile& model, bool fp16, const SessionOptions& options,
                  const fs::path& cache_folder)
      : model_(model),
        engines_(tool, model_, fp16, cache_folder),
        profile_path_(options.profile_path),
        times_layers_(options.layer_times) {
    const graph::Edge& input = model_.graph.edge(model_.graph.inputs.at(0));
    if (input.dtype != DType::f32) {
      fail(ErrorKind::unsupported, "[{}] expected float32 input, got {}: quantize with --target tensorrt",
           trtexec::kWhere, to_string(input.dtype));
    }
    image_shape_ = input.shape;
    engines_.require(image_shape_);
  }

  DType input_dtype() const override { return DType::f32; }
  bool times_itself() const override { return true; }
  std::vector<LayerTime> layer_times() const override { return layer_times_; }

  std::vector<std::string> notes() const override {
    std::vector<std::string> lines = engines_.notes();
    const std::string& version = engines_.tool().version;
    lines.insert(lines.begin(), fmt::format("TensorRT {} by {}", version.empty() ? "of unknown version" : version,
                                            engines_.tool().path.string()));
    return lines;
  }

  std::vector<Tensor> run(const Tensor& input) override;
  OwnTiming own_timing(const Tensor& input, const OwnTimingRequest& request) override;

 private:
  void write_input(const float* values, int64_t images, int64_t batch) const;
  std::vector<Tensor> run_batch(const float* values, int64_t images, int64_t batch);
  Shape batch_shape(int64_t batch) const {
    Shape shape = image_shape_;
    shape[0] = batch;
    return shape;
  }
  int64_t values_of_an_image() const { return element_count(image_shape_); }

  graph::ModelFile model_;
  trtexec::Engines engines_;
  fs::path profile_path_;
  bool times_layers_;
  std::vector<LayerTime> layer_times_;
  Shape image_shape_;
  int64_t batch_ = 0;  ///< of the engine that run() uses for many images
};

/// Missing images of a batch are black.
void TensorRtSession::write_input(const float* values, int64_t images, int64_t batch) const {
  std::string bytes(static_cast<size_t>(batch * values_of_an_image()) * sizeof(float), '\0');
  std::memcpy(bytes.data(), values, static_cast<size_t>(images * values_of_an_image()) * sizeof(float));
  write_file(engines_.input_file(), bytes);
}

std::vector<Tensor> TensorRtSession::run_batch(const float* values, int64_t images, int64_t batch) {
  write_input(values, images, batch);
  const fs::path file = engines_.scratch() / "outputs.json";
  engines_.run(
      batch_shape(batch), [&](const trtexec::Run& run) { return trtexec::output_command(engines_.tool(), run, file); },
      {}, nullptr);
  const std::vector<trtexec::NamedTensor> named = trtexec::parse_outputs(read_file(file), file.string());
  std::vector<Tensor> outputs;
  for (const graph::EdgeId id : model_.graph.outputs) {
    const graph::Edge& edge = model_.graph.edge(id);
    const auto found = std::ranges::find(named, edge.name, &trtexec::NamedTensor::name);
    Shape wanted = edge.shape;
    wanted[0] = batch;
    if (found == named.end() || found->tensor.shape() != wanted) {
      fail(ErrorKind::backend, "[{}] expected output '{}' {}, got {}", trtexec::kWhere, edge.name, to_string(wanted),
           found == named.end() ? "none of that name" : to_string(found->tensor.shape()));
    }
    wanted[0] = images;
    outputs.push_back(
        Tensor::from(found->tensor.values<float>().first(static_cast<size_t>(element_count(wanted))), wanted));
  }
  return outputs;
}

std::vector<Tensor> TensorRtSession::run(const Tensor& input) {
  require_input(input, DType::f32, image_shape_, trtexec::kWhere);
  int64_t values_out = 1;
  for (const graph::EdgeId id : model_.graph.outputs) values_out += element_count(model_.graph.edge(id).shape);
  const int64_t images = input.shape()[0];
  // An engine is of one batch size, and takes minutes to build on a small board: the largest so far serves fewer too.
  const int64_t most = std::max<int64_t>(1, kValuesOfARun / values_out);
  if (images > 1) batch_ = std::max(batch_, std::min(images, most));
  const int64_t batch = images == 1 ? 1 : batch_;
  std::vector<Tensor> outputs;
  for (const graph::EdgeId id : model_.graph.outputs) {
    Shape shape = model_.graph.edge(id).shape;
    shape[0] = images;
    outputs.emplace_back(DType::f32, shape);
  }
  const float* values = input.values<float>().data();
  for (int64_t begin = 0; begin < images; begin += batch) {
    const int64_t count = std::min(batch, images - begin);
    const std::vector<Tensor> part = run_batch(values + begin * values_of_an_image(), count, batch);
    for (size_t i = 0; i < outputs.size(); ++i) {
      const auto from = part[i].values<float>();
      std::ranges::copy(from,
                        outputs[i].mutable_values<float>().begin() + begin * static_cast<int64_t>(from.size()) / count);
    }
  }
  return outputs;
}

OwnTiming TensorRtSession::own_timing(const Tensor& input, const OwnTimingRequest& request) {
  require_input(input, DType::f32, image_shape_, trtexec::kWhere);
  write_input(input.values<float>().data(), 1, 1);
  trtexec::Timing timing;
  timing.iterations = request.min_samples;
  timing.duration_seconds = static_cast<int64_t>(std::ceil(request.min_seconds));
  timing.warm_up_ms = static_cast<int64_t>(std::ceil(request.warm_up_seconds * 1000));
  timing.times = engines_.scratch() / "times.json";
  timing.profile = profile_path_;
  if (times_layers_ && timing.profile.empty()) timing.profile = engines_.scratch() / "profile.json";
  bool began = false, ended = false;
  const auto listen = [&](std::string_view line) {
    if (!began && line.find("Starting inference") != std::string_view::npos) {
      began = true;
      if (request.before_samples) request.before_samples();
    } else if (began && !ended && line.find("Timing trace has") != std::string_view::npos) {
      ended = true;
      if (request.after_samples) request.after_samples();
    }
  };
  engines_.run(
      batch_shape(1), [&](const trtexec::Run& run) { return trtexec::timing_command(engines_.tool(), run, timing); },
      listen, request.cancel);
  if (began && !ended && request.after_samples) request.after_samples();
  trtexec::Times times = trtexec::parse_times(read_file(timing.times), timing.warm_up_ms, timing.times.string());
  if (times_layers_ && fs::exists(timing.profile)) {
    layer_times_ = trtexec::parse_profile(read_file(timing.profile), timing.profile.string());
  }
  return {std::move(times.latencies_ns), times.seconds, times.warm_up_runs};
}

/// Looks for the tool at the first question, once for both runtimes.
class Finder {
 public:
  explicit Finder(std::vector<std::string> search) : search_(std::move(search)) {}
  const Found& found() {
    if (!found_) found_ = find_tool(search_);
    return *found_;
  }

 private:
  std::vector<std::string> search_;
  std::optional<Found> found_;
};

class TensorRt : public Runtime {
 public:
  TensorRt(bool fp16, std::shared_ptr<Finder> finder, fs::path cache_folder)
      : fp16_(fp16), finder_(std::move(finder)), cache_folder_(std::move(cache_folder)) {}

  std::string name() const override { return fp16_ ? "tensorrt-fp16" : "tensorrt"; }
  int float_bits() const override { return fp16_ ? 16 : 32; }
  Availability availability() const override {
    const Found& found = finder_->found();
    if (!found.tool) return {.available = false, .version = "", .reason = found.reason};
    return {.available = true, .version = found.tool->version.empty() ? "unknown" : found.tool->version, .reason = ""};
  }
  std::unique_ptr<Session> load(const graph::ModelFile& model, const SessionOptions& options) const override {
    require_float_requantization(model.graph, trtexec::kWhere);
    const Found& found = finder_->found();
    if (!found.tool) fail(ErrorKind::unsupported, "runtime '{}': {}", name(), found.reason);
    return std::make_unique<TensorRtSession>(*found.tool, model, fp16_, options, cache_folder_);
  }

 private:
  bool fp16_;
  std::shared_ptr<Finder> finder_;
  fs::path cache_folder_;
};

}  // namespace

std::vector<std::unique_ptr<Runtime>> tensorrt_runtimes(const std::vector<std::string>& search,
                                                        const fs::path& cache_folder) {
  const auto finder = std::make_shared<Finder>(search);
  std::vector<std::unique_ptr<Runtime>> runtimes;
  for (const bool fp16 : {false, true}) runtimes.push_back(std::make_unique<TensorRt>(fp16, finder, cache_folder));
  return runtimes;
}

}  // namespace quench::runtime
