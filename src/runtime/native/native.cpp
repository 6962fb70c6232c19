#include "runtime/native/native.h"

#include <algorithm>

#include "core/error.h"
#include "runtime/native/engine.h"

namespace quench::runtime {

namespace {

constexpr char kWhere[] = "runtime.native";

class NativeSession : public Session {
 public:
  NativeSession(const graph::ModelFile& model, native::Isa isa, const SessionOptions& options)
      : engine_(native::lower(model.graph), *native::kernels_for(isa), std::max(1, options.threads)) {
    const graph::Edge& input = model.graph.edge(model.graph.inputs[0]);
    dtype_ = input.dtype;
    image_shape_ = input.shape;
  }

  DType input_dtype() const override { return dtype_; }

  std::vector<Tensor> run(const Tensor& input) override {
    require_input(input, dtype_, image_shape_, kWhere);
    const int64_t images = input.shape()[0];
    const size_t image_bytes = input.size_bytes() / static_cast<size_t>(images);
    std::vector<Tensor> outputs;
    std::vector<float*> to;
    for (const native::Program::Output& output : engine_.program().outputs) {
      Shape shape = output.shape;
      shape[0] = images;
      outputs.emplace_back(DType::f32, shape);
      to.push_back(outputs.back().mutable_values<float>().data());
    }
    for (int64_t i = 0; i < images; ++i) {
      engine_.run(input.bytes() + static_cast<size_t>(i) * image_bytes, to);
      for (size_t k = 0; k < to.size(); ++k) to[k] += outputs[k].size() / images;
    }
    return outputs;
  }

  std::vector<std::string> notes() const override {
    int64_t integer = 0, layers = 0, copies = 0;
    for (const native::Instruction& instruction : engine_.program().instructions) {
      const bool u8 = instruction.kind == native::Kind::conv_u8;
      integer += u8;
      layers += u8 || instruction.kind == native::Kind::conv_f32;
      if (instruction.kind != native::Kind::concat) continue;
      for (size_t k = 0; k < instruction.inputs.size(); ++k) {
        copies += !native::in_place(engine_.layout(), engine_.program(), instruction, k);
      }
    }
    return {fmt::format("instruction set: {}", native::to_string(engine_.kernels().isa)),
            fmt::format("int8 convolutions and linear layers: {} of {}", integer, layers),
            fmt::format("memory of values: {:.1f} MB (unshared: {:.1f} MB); parts copied into concats: {}",
                        static_cast<double>(engine_.layout().arena_bytes) / 1e6,
                        static_cast<double>(engine_.layout().values_bytes) / 1e6, copies)};
  }

 private:
  native::Engine engine_;
  DType dtype_ = DType::f32;
  Shape image_shape_;
};

class NativeRuntime : public Runtime {
 public:
  explicit NativeRuntime(std::optional<native::Isa> isa) : isa_(isa) {}
  std::string name() const override { return "native"; }
  Availability availability() const override { return {.available = true, .version = "1", .reason = ""}; }
  std::unique_ptr<Session> load(const graph::ModelFile& model, const SessionOptions& options) const override {
    const std::vector<native::Isa> here = native::available_isas();
    const native::Isa isa = isa_.value_or(here.front());
    if (std::find(here.begin(), here.end(), isa) == here.end()) {
      fail(ErrorKind::unsupported, "[{}] this processor does not have {}", kWhere, native::to_string(isa));
    }
    return std::make_unique<NativeSession>(model, isa, options);
  }

 private:
  std::optional<native::Isa> isa_;
};

}  // namespace

std::unique_ptr<Runtime> native_runtime(std::optional<native::Isa> isa) {
  return std::make_unique<NativeRuntime>(isa);
}

}  // namespace quench::runtime
