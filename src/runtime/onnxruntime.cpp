#include "runtime/onnxruntime.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "graph/dynamic_range.h"
#include "graph/packed_integers.h"
#include "graph/quantized.h"
#include "runtime/onnxruntime_library.h"
#include "runtime/requantization.h"

namespace quench::runtime {

namespace {

constexpr char kWhere[] = "runtime.onnxruntime";

ONNXTensorElementDataType element_type(const OrtApi& api, OrtTypeInfo* raw, std::string_view what) {
  const ort::Owned<OrtTypeInfo> info(raw);
  const OrtTensorTypeAndShapeInfo* tensor = nullptr;
  ort::check(api.CastTypeInfoToTensorInfo(info.get(), &tensor), what);
  if (tensor == nullptr) fail(ErrorKind::unsupported, "[{}] expected a tensor as {}, got another value", kWhere, what);
  ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  ort::check(api.GetTensorElementType(tensor, &type), what);
  return type;
}

/// Says so before the library does, which names an operator that is not in the file.
void require_kernels(const graph::Graph& graph) {
  for (const auto& [name, weight] : graph.weights) {
    // It makes bytes of codes when it loads the file.
    const bool codes = weight.quant && (!weight.quant->levels.empty() || weight.quant->group_size > 0);
    if (!codes && graph::stored_bits(graph, weight) == 2) {
      fail(ErrorKind::unsupported,
           "[{}] ONNX Runtime has no kernels for weights of 2 bits as a file for `native` stores them ({}); quantize "
           "with "
           "target onnxruntime, which stores bytes",
           kWhere, name);
    }
  }
}

class OnnxRuntimeSession : public Session {
 public:
  OnnxRuntimeSession(const graph::ModelFile& model, const SessionOptions& options)
      : library_(ort::require_library()), api_(*library_.api), profile_path_(options.profile_path) {
    const auto session_options = ort::session_options(options.threads);
    if (!profile_path_.empty())
      ort::check(api_.EnableProfiling(session_options.get(), profile_path_.c_str()), "profile");
    session_ = ort::create_session(model.bytes, *session_options);
    OrtMemoryInfo* memory = nullptr;
    ort::check(api_.CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory), "memory");
    memory_.reset(memory);
    read_interface(model.graph);
    // The notes of a float model need no look at the optimized graph.
    if (graph::is_quantized(model.graph)) quantized_ = std::make_unique<graph::ModelFile>(model);
  }

  ~OnnxRuntimeSession() override {
    if (!profile_path_.empty()) end_profile();
  }

  DType input_dtype() const override { return input_dtype_; }
  std::vector<Tensor> run(const Tensor& input) override;
  std::vector<std::string> notes() const override;

 private:
  void read_interface(const graph::Graph& graph);
  std::vector<Tensor> run_whole(const Tensor& input);
  Tensor to_tensor(const OrtValue* value, const std::string& name) const;
  void end_profile() noexcept;

  const ort::Library& library_;
  const OrtApi& api_;
  std::string profile_path_;
  ort::Owned<OrtSession> session_;
  ort::Owned<OrtMemoryInfo> memory_;
  DType input_dtype_ = DType::f32;
  Shape image_shape_;
  std::string input_name_;
  std::vector<std::string> output_names_;
  std::vector<const char*> output_pointers_;
  bool one_by_one_ = false;  ///< DynamicQuantizeLinear finds one range for a whole batch: images run by themselves
  std::unique_ptr<graph::ModelFile> quantized_;  ///< what notes() looks at; none for a float model
};

void OnnxRuntimeSession::read_interface(const graph::Graph& graph) {
  if (graph.inputs.size() != 1) {
    fail(ErrorKind::unsupported, "[{}] expected a model of one input, got {}", kWhere, graph.inputs.size());
  }
  const graph::Edge& input = graph.edge(graph.inputs[0]);
  input_name_ = input.name;
  one_by_one_ = graph::has_dynamic_ranges(graph);
  image_shape_ = input.shape;
  OrtTypeInfo* info = nullptr;
  ort::check(api_.SessionGetInputTypeInfo(session_.get(), 0, &info), "input");
  switch (element_type(api_, info, "input")) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT: input_dtype_ = DType::f32; break;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8: input_dtype_ = DType::u8; break;
    default: fail(ErrorKind::unsupported, "[{}] expected float32 or uint8 input '{}'", kWhere, input_name_);
  }
  for (const graph::EdgeId id : graph.outputs) output_names_.push_back(graph.edge(id).name);
  for (const std::string& name : output_names_) output_pointers_.push_back(name.c_str());
}

std::vector<Tensor> OnnxRuntimeSession::run(const Tensor& input) {
  require_input(input, input_dtype_, image_shape_, kWhere);
  const int64_t images = input.shape()[0];
  if (!one_by_one_ || images == 1) return run_whole(input);
  Shape shape = input.shape();
  shape[0] = 1;
  Tensor image(input_dtype_, shape);
  std::vector<Tensor> outputs;
  for (int64_t i = 0; i < images; ++i) {
    std::memcpy(image.mutable_bytes(), input.bytes() + static_cast<size_t>(i) * image.size_bytes(), image.size_bytes());
    const std::vector<Tensor> made = run_whole(image);
    for (size_t k = 0; k < made.size(); ++k) {
      if (i == 0) {
        Shape whole = made[k].shape();
        whole.at(0) = images;
        outputs.emplace_back(DType::f32, whole);
      }
      std::memcpy(outputs[k].mutable_bytes() + static_cast<size_t>(i) * made[k].size_bytes(), made[k].bytes(),
                  made[k].size_bytes());
    }
  }
  return outputs;
}

std::vector<Tensor> OnnxRuntimeSession::run_whole(const Tensor& input) {
  const auto type =
      input_dtype_ == DType::u8 ? ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  OrtValue* raw_input = nullptr;
  // The library only reads its inputs; its interface is not const-correct.
  void* data = const_cast<std::byte*>(input.bytes());
  ort::check(api_.CreateTensorWithDataAsOrtValue(memory_.get(), data, input.size_bytes(), input.shape().data(),
                                                 input.shape().size(), type, &raw_input),
             "input");
  const ort::Owned<OrtValue> owned_input(raw_input);
  const char* input_name = input_name_.c_str();
  const OrtValue* inputs[] = {raw_input};
  std::vector<OrtValue*> raw_outputs(output_pointers_.size(), nullptr);
  OrtStatus* status = api_.Run(session_.get(), nullptr, &input_name, inputs, 1, output_pointers_.data(),
                               output_pointers_.size(), raw_outputs.data());
  std::vector<ort::Owned<OrtValue>> values;
  for (OrtValue* value : raw_outputs) values.emplace_back(value);
  ort::check(status, "run");
  std::vector<Tensor> outputs;
  for (size_t i = 0; i < values.size(); ++i) outputs.push_back(to_tensor(values[i].get(), output_names_[i]));
  return outputs;
}

Tensor OnnxRuntimeSession::to_tensor(const OrtValue* value, const std::string& name) const {
  OrtTensorTypeAndShapeInfo* raw = nullptr;
  ort::check(api_.GetTensorTypeAndShape(value, &raw), name);
  const ort::Owned<OrtTensorTypeAndShapeInfo> info(raw);
  ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  ort::check(api_.GetTensorElementType(raw, &type), name);
  if (type != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT) {
    fail(ErrorKind::unsupported, "[{}] expected float32 output '{}', got ONNX element type {}", kWhere, name,
         static_cast<int>(type));
  }
  size_t rank = 0;
  ort::check(api_.GetDimensionsCount(raw, &rank), name);
  Shape shape(rank);
  ort::check(api_.GetDimensions(raw, shape.data(), rank), name);
  void* data = nullptr;
  ort::check(api_.GetTensorMutableData(const_cast<OrtValue*>(value), &data), name);
  Tensor tensor(DType::f32, shape);
  if (!tensor.empty()) std::memcpy(tensor.mutable_bytes(), data, tensor.size_bytes());
  return tensor;
}

std::vector<std::string> OnnxRuntimeSession::notes() const {
  if (quantized_ == nullptr) return {};
  const Int8Count count = count_int8(optimized_operators(*quantized_));
  std::vector<std::string> lines;
  lines.push_back(fmt::format("int8 convolutions: {} of {}", count.convs_int8, count.convs));
  if (count.linears > 0)
    lines.push_back(fmt::format("int8 linear layers: {} of {}", count.linears_int8, count.linears));
  return lines;
}

// The library makes up the end of the file's name (a time); the file is moved to where it was asked for.
void OnnxRuntimeSession::end_profile() noexcept {
  OrtAllocator* allocator = nullptr;
  char* written = nullptr;
  if (OrtStatus* status = api_.GetAllocatorWithDefaultOptions(&allocator)) return api_.ReleaseStatus(status);
  if (OrtStatus* status = api_.SessionEndProfiling(session_.get(), allocator, &written))
    return api_.ReleaseStatus(status);
  std::error_code ignored;
  std::filesystem::rename(written, profile_path_, ignored);
  if (OrtStatus* status = api_.AllocatorFree(allocator, written)) api_.ReleaseStatus(status);
}

class OnnxRuntime : public Runtime {
 public:
  std::string name() const override { return "onnxruntime"; }
  Availability availability() const override {
    const ort::Library& library = ort::library();
    return {.available = library.api != nullptr, .version = library.version, .reason = library.reason};
  }
  std::unique_ptr<Session> load(const graph::ModelFile& model, const SessionOptions& options) const override {
    require_kernels(model.graph);
    require_float_requantization(model.graph, kWhere);
    return std::make_unique<OnnxRuntimeSession>(model, options);
  }
};

}  // namespace

std::unique_ptr<Runtime> onnxruntime_runtime() { return std::make_unique<OnnxRuntime>(); }

}  // namespace quench::runtime
