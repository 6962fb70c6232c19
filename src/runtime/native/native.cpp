#include "runtime/native/native.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <new>
#include <tuple>

#include "core/clock.h"
#include "core/error.h"
#include "runtime/native/engine.h"

namespace quench::runtime {

namespace {

constexpr char kWhere[] = "runtime.native";

/// The best of many short tries: a pause of the machine spoils one of them, and its clock needs some to rise.
template <typename Burn>
double best_gmacs(const Burn& burn) {
  constexpr int64_t kRounds = 10000, kTryFor_ns = 20'000'000;
  double best = 0;
  int64_t now = now_ns();
  const int64_t until_ns = now + kTryFor_ns;
  do {
    const int64_t start_ns = now;
    const auto products = static_cast<double>(burn(kRounds));
    now = now_ns();
    best = std::max(best, products / static_cast<double>(std::max<int64_t>(1, now - start_ns)));
  } while (now < until_ns);
  return best;
}

/// What one thread reaches on registers alone, in 10^9 products a second, measured when first asked for.
class Peaks {
 public:
  double of(const native::Kernels& kernels, const native::Instruction& layer) {
    const bool integer = layer.kind == native::Kind::conv_u8;
    const int64_t steps = std::min(layer.narrow_steps, native::kLeastNarrowLoop);  // more are added the same way
    const std::lock_guard lock(mutex_);
    const auto [found, is_new] = gmacs_.try_emplace({kernels.isa, integer, steps});
    if (is_new) {
      found->second = best_gmacs(
          [&](int64_t rounds) { return integer ? kernels.burn_u8(rounds, steps) : kernels.burn_f32(rounds); });
    }
    return found->second;
  }

 private:
  std::mutex mutex_;
  std::map<std::tuple<native::Isa, bool, int64_t>, double> gmacs_;
};

class NativeSession : public Session {
 public:
  NativeSession(const graph::ModelFile& model, native::Isa isa, const SessionOptions& options, Peaks& peaks)
      : engine_(native::lower(model.graph), *native::kernels_for(isa), std::max(1, options.threads)) {
    const graph::Edge& input = model.graph.edge(model.graph.inputs[0]);
    dtype_ = input.dtype;
    image_shape_ = input.shape;
    peak_gmacs_.resize(engine_.program().instructions.size());
    engine_.set_profiling(options.layer_times);
    if (!options.layer_times) return;
    for (size_t i = 0; i < peak_gmacs_.size(); ++i) {
      const native::Instruction& layer = engine_.program().instructions[i];
      if (layer.macs > 0) peak_gmacs_[i] = std::max(1, options.threads) * peaks.of(engine_.kernels(), layer);
    }
  }

  DType input_dtype() const override { return dtype_; }

  std::vector<Tensor> run(const Tensor& input) override {
    require_input(input, dtype_, image_shape_, kWhere);
    const int64_t images = input.shape()[0];
    const size_t image_bytes = input.size_bytes() / static_cast<size_t>(images);
    prepare_outputs(images);
    for (int64_t i = 0; i < images; ++i) {
      engine_.run(input.bytes() + static_cast<size_t>(i) * image_bytes, to_);
      for (size_t k = 0; k < to_.size(); ++k) to_[k] += outputs_[k].size() / images;
    }
    return outputs_;
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
            fmt::format("memory of values: {} kB (unshared: {} kB); parts copied into concats: {}",
                        engine_.layout().arena_bytes / 1000, engine_.layout().values_bytes / 1000, copies)};
  }

  std::vector<LayerTime> layer_times() const override {
    const std::vector<int64_t>& times = engine_.times_ns();
    const std::vector<native::Instruction>& instructions = engine_.program().instructions;
    std::vector<LayerTime> out;
    for (size_t i = 0; i < instructions.size(); ++i) {
      const native::Instruction& instruction = instructions[i];
      if (instruction.kind == native::Kind::split) continue;
      out.push_back(
          {instruction.name, native::to_string(instruction.kind), times[i], instruction.macs, peak_gmacs_[i]});
    }
    out.push_back({"outputs", "to_planar", times.back(), 0, 0});
    return out;
  }

 private:
  /// The outputs of the run before are written again where the caller has let go of them: fresh memory costs more than
  /// some layers.
  void prepare_outputs(int64_t images) {
    const std::vector<native::Program::Output>& wanted = engine_.program().outputs;
    outputs_.resize(wanted.size());
    to_.resize(wanted.size());
    for (size_t k = 0; k < wanted.size(); ++k) {
      Tensor& output = outputs_[k];
      if (output.shape()[0] != images || output.shared()) {
        Shape shape = wanted[k].shape;
        shape[0] = images;
        output = Tensor(DType::f32, shape);
      }
      to_[k] = output.mutable_values<float>().data();
    }
  }

  native::Engine engine_;
  DType dtype_ = DType::f32;
  Shape image_shape_;
  std::vector<Tensor> outputs_;
  std::vector<float*> to_;          ///< the next image's part of each output
  std::vector<double> peak_gmacs_;  ///< of each instruction, of all threads; 0: it multiplies nothing
};

class NativeRuntime : public Runtime {
 public:
  std::string name() const override { return "native"; }
  Availability availability() const override { return {.available = true, .version = "1", .reason = ""}; }
  std::unique_ptr<Session> load(const graph::ModelFile& model, const SessionOptions& options) const override {
    const std::vector<native::Isa> here = native::available_isas();
    const native::Isa isa = options.isa.empty() ? here.front() : native::isa_from(options.isa);
    if (std::find(here.begin(), here.end(), isa) == here.end()) {
      fail(ErrorKind::unsupported, "[{}] this processor does not have {}", kWhere, native::to_string(isa));
    }
    try {
      return std::make_unique<NativeSession>(model, isa, options, peaks_);
    } catch (const std::bad_alloc&) {
      fail(ErrorKind::io, "[{}] not enough memory for this model", kWhere);
    }
  }

 private:
  mutable Peaks peaks_;
};

}  // namespace

std::unique_ptr<Runtime> native_runtime() { return std::make_unique<NativeRuntime>(); }

}  // namespace quench::runtime
