#include "runtime/native/native.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <tuple>

#include "core/clock.h"
#include "core/error.h"
#include "runtime/native/engine.h"
#include "runtime/native/thread_pool.h"

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
    // Winograd's, and weights of 16 bits where there are such products.
    const bool shorts =
        kernels.burn_s16 && ((integer && layer.products < layer.macs) || layer.kind == native::Kind::conv_w16);
    const int64_t steps = std::min(layer.narrow_steps, native::kLeastNarrowLoop);  // more are added the same way
    const std::lock_guard lock(mutex_);
    const auto [found, is_new] = gmacs_.try_emplace({kernels.isa, integer, shorts, shorts ? 0 : steps});
    if (is_new) {
      found->second = best_gmacs([&](int64_t rounds) {
        return shorts ? kernels.burn_s16(rounds) : integer ? kernels.burn_u8(rounds, steps) : kernels.burn_f32(rounds);
      });
    }
    return found->second;
  }

 private:
  std::mutex mutex_;
  std::map<std::tuple<native::Isa, bool, bool, int64_t>, double> gmacs_;
};

/// Several images at once, one to a thread: faster than all threads on each, whose layers are short.
class ImagesAtOnce {
 public:
  ImagesAtOnce(const native::Program& program, const native::Kernels& kernels, int threads) : pool_(threads) {
    for (int i = 0; i < threads; ++i) engines_.push_back(std::make_unique<native::Engine>(program, kernels, 1));
  }

  /// run(engine, image) for each of [0, images).
  void each(int64_t images, const std::function<void(native::Engine&, int64_t)>& run) {
    std::atomic<int64_t> next = 0;
    pool_.start();
    pool_.each(std::ssize(engines_), [&](int64_t i) {
      for (int64_t image = next++; image < images; image = next++) run(*engines_[static_cast<size_t>(i)], image);
    });
    pool_.finish();
  }

 private:
  native::ThreadPool pool_;
  std::vector<std::unique_ptr<native::Engine>> engines_;
};

/// The first image with values that are not finite where a range is found as the program runs. Any thread may meet one.
class NotFinite {
 public:
  void met(int64_t image, const std::string& value) {
    const std::lock_guard lock(mutex_);
    if (image_ >= 0 && image_ <= image) return;
    image_ = image;
    value_ = value;
  }
  /// Throws Error{data} where one was met.
  void check() const {
    if (image_ < 0) return;
    fail(ErrorKind::data, "[{}] expected finite values where a range is found as the model runs, got others (edge {})",
         kWhere, value_);
  }

 private:
  std::mutex mutex_;
  int64_t image_ = -1;
  std::string value_;
};

class NativeSession : public Session {
 public:
  NativeSession(const graph::ModelFile& model, native::Isa isa, const SessionOptions& options, Peaks& peaks)
      : NativeSession(native::lower(model.graph), model, isa, options, peaks) {}

  NativeSession(native::Program program, const graph::ModelFile& model, native::Isa isa, const SessionOptions& options,
                Peaks& peaks)
      : engine_(program, *native::kernels_for(isa), std::max(1, options.threads)) {
    if (options.threads > 1 && !options.layer_times) program_ = std::move(program);
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
    NotFinite not_finite;
    const auto run_one = [&](native::Engine& engine, int64_t i) {
      std::vector<float*> to = to_;
      for (size_t k = 0; k < to.size(); ++k) to[k] += i * (outputs_[k].size() / images);
      engine.run(input.bytes() + static_cast<size_t>(i) * image_bytes, to);
      if (!engine.not_finite().empty()) not_finite.met(i, engine.not_finite());
    };
    if (images > 1 && program_) {
      if (!at_once_) at_once_ = std::make_unique<ImagesAtOnce>(*program_, engine_.kernels(), engine_.threads());
      at_once_->each(images, run_one);
    } else if (images == 1) {
      engine_.run(input.bytes(), to_);
      if (!engine_.not_finite().empty()) not_finite.met(0, engine_.not_finite());
    } else {
      for (int64_t i = 0; i < images; ++i) run_one(engine_, i);
    }
    not_finite.check();
    return outputs_;
  }

  std::vector<std::string> notes() const override {
    int64_t integer = 0, wide = 0, layers = 0, copies = 0, from_floats = 0;
    for (const native::Instruction& instruction : engine_.program().instructions) {
      const bool u8 = instruction.kind == native::Kind::conv_u8;
      integer += u8;
      from_floats += instruction.kind == native::Kind::quantize;
      wide += instruction.kind == native::Kind::conv_w16;
      layers += native::is_conv(instruction.kind);
      if (instruction.kind != native::Kind::concat) continue;
      for (size_t k = 0; k < instruction.inputs.size(); ++k) {
        copies += !native::in_place(engine_.layout(), engine_.program(), instruction, k);
      }
    }
    std::vector<std::string> lines = {
        fmt::format("instruction set: {}", native::to_string(engine_.kernels().isa)),
        fmt::format("int8 convolutions and linear layers: {} of {}{}", integer, layers,
                    wide > 0 ? fmt::format("; float ones with weights of 16 bits: {}", wide) : std::string()),
        fmt::format("memory of values: {} kB (unshared: {} kB); parts copied into concats: {}",
                    engine_.layout().arena_bytes / 1000, engine_.layout().values_bytes / 1000, copies)};
    if (engine_.program().dyadic) {
      lines.push_back(fmt::format("requantization: dyadic; values that become bytes from floats: {}", from_floats));
    }
    return lines;
  }

  std::vector<LayerTime> layer_times() const override {
    const std::vector<int64_t>& times = engine_.times_ns();
    const std::vector<native::Instruction>& instructions = engine_.program().instructions;
    std::vector<LayerTime> out;
    for (size_t i = 0; i < instructions.size(); ++i) {
      const native::Instruction& instruction = instructions[i];
      if (instruction.kind == native::Kind::split) continue;
      out.push_back({instruction.name, native::to_string(instruction.kind), times[i], instruction.macs,
                     instruction.products, peak_gmacs_[i]});
    }
    out.push_back({"outputs", "to_planar", times.back(), 0, 0, 0});
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
  std::vector<float*> to_;                  ///< the first image's part of each output
  std::optional<native::Program> program_;  ///< for more engines, where there are several threads
  std::unique_ptr<ImagesAtOnce> at_once_;   ///< made when several images first come at once
  std::vector<double> peak_gmacs_;          ///< of each instruction, of all threads; 0: it multiplies nothing
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
