// The native engine's kernels, one at a time (Google Benchmark): convolutions of YOLO's sizes on every instruction set
// of this processor, in integers and in float. items_per_second are MACs, or values where nothing is multiplied.
// conv_u8_bits have weights of fewer bits.
// conv_u8_sparse and conv_f32_sparse have that share of zeros in blocks of 16 output channels by 4 input channels; its
// items are MACs with the zeros.
//   native_kernels --benchmark_filter=conv_u8/avx512
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>

#include "core/rng.h"
#include "runtime/native/engine.h"

namespace {

using namespace quench;
using namespace quench::runtime::native;

struct Layer {
  int64_t channels, outputs, kernel, stride, size;
  double zeros = 0;  ///< share of blocks of 16 output by 4 input channels at one place of the kernel
  int bits = 8;      ///< of the integer weights
};
/// yolov5n at 640 px: the stem, early, middle and late layers, a head.
constexpr Layer kLayers[] = {{3, 16, 6, 2, 640},   {16, 32, 3, 2, 320}, {16, 16, 3, 1, 160},  {32, 32, 1, 1, 160},
                             {32, 32, 3, 1, 80},   {64, 64, 3, 1, 40},  {128, 128, 3, 1, 20}, {128, 256, 3, 2, 40},
                             {256, 256, 1, 1, 20}, {64, 255, 1, 1, 80}};

/// Layers of many, few and one output pixels, for weights of fewer bits.
constexpr Layer kWidthLayers[] = {{64, 64, 3, 1, 40},  {128, 128, 3, 1, 20}, {256, 256, 3, 1, 10},
                                  {256, 256, 3, 1, 4}, {256, 256, 3, 1, 2},  {256, 256, 1, 1, 4},
                                  {512, 512, 3, 1, 4}, {1280, 1000, 1, 1, 1}};

/// 3 x 3 layers of yolov5s at 640 px, for sparsity.
constexpr Layer kSparseLayers[] = {{64, 64, 3, 1, 80}, {128, 128, 3, 1, 40}, {256, 256, 3, 1, 20}};

void zero_blocks(const Layer& layer, Tensor& weight) {
  Rng rng(2, "native kernels");
  const int64_t places = layer.kernel * layer.kernel;
  const auto set_zero = [&](int64_t at) {
    if (weight.dtype() == DType::i8) {
      weight.mutable_values<int8_t>()[static_cast<size_t>(at)] = 0;
    } else {
      weight.mutable_values<float>()[static_cast<size_t>(at)] = 0;
    }
  };
  for (int64_t o = 0; o < layer.outputs; o += 16) {
    for (int64_t i = 0; i < layer.channels; i += 4) {
      for (int64_t place = 0; place < places; ++place) {
        if (rng.uniform() >= layer.zeros) continue;
        for (int64_t a = o; a < std::min(o + 16, layer.outputs); ++a) {
          for (int64_t b = i; b < std::min(i + 4, layer.channels); ++b) {
            set_zero((a * layer.channels + b) * places + place);
          }
        }
      }
    }
  }
}

Program program_of(const Layer& layer, bool integer) {
  Program program;
  const int64_t out = layer.size / layer.stride;
  program.values = {{"in", integer, layer.size, layer.size, layer.channels, {1.0f / 255, 7, 0, 255}},
                    {"out", integer, out, out, layer.outputs, {0.05f, 100, 0, 255}}};
  program.input = 0;
  Instruction load;
  load.kind = Kind::load;
  load.outputs = {0};
  Instruction conv;
  conv.kind = integer ? Kind::conv_u8 : Kind::conv_f32;
  conv.name = "conv";
  conv.inputs = {0};
  conv.outputs = {1};
  conv.attributes = graph::ConvAttributes{
      {layer.kernel, layer.kernel}, {layer.stride, layer.stride}, {(layer.kernel - 1) / 2, (layer.kernel - 1) / 2}};
  const Shape shape{layer.outputs, layer.channels, layer.kernel, layer.kernel};
  Rng rng(1, "native kernels");
  conv.weight = Tensor(integer ? DType::i8 : DType::f32, shape);
  for (int64_t i = 0; i < conv.weight.size(); ++i) {
    const int most = (1 << (layer.bits - 1)) - 1;
    const auto value = static_cast<int>(rng.below(static_cast<uint64_t>(2 * most + 1))) - most;
    if (integer) {
      conv.weight.mutable_values<int8_t>()[static_cast<size_t>(i)] = static_cast<int8_t>(value);
    } else {
      conv.weight.mutable_values<float>()[static_cast<size_t>(i)] = static_cast<float>(value) / 127;
    }
  }
  if (layer.zeros > 0) zero_blocks(layer, conv.weight);
  conv.bias = Tensor(integer ? DType::i32 : DType::f32, {layer.outputs});
  conv.weight_scale.assign(static_cast<size_t>(layer.outputs), 0.01f);
  conv.step = program.values[1].step;
  if (integer) {
    conv.table.emplace();
    for (int q = 0; q < 256; ++q) (*conv.table)[static_cast<size_t>(q)] = static_cast<uint8_t>(q / 2 + 60);
  } else {
    conv.activation = graph::Activation::silu;
  }
  conv.macs = conv.weight.size() * out * out;
  program.instructions = {load, conv};
  return program;
}

void convolution(benchmark::State& state, Isa isa, const Layer& layer, bool integer) {
  Engine engine(program_of(layer, integer), *kernels_for(isa), 1);
  engine.set_profiling(true);
  const Tensor image(integer ? DType::u8 : DType::f32, {layer.channels, layer.size, layer.size});
  const int64_t macs = engine.program().instructions[1].macs;
  for (auto _ : state) {
    engine.run(image.bytes(), {});
    state.SetIterationTime(static_cast<double>(engine.times_ns()[1]) / 1e9);  // the convolution, not the loading
  }
  state.SetItemsProcessed(state.iterations() * macs);
}

template <typename Burn>
void peak(benchmark::State& state, const Burn& burn) {
  int64_t products = 0;
  for (auto _ : state) products += burn(10000);
  state.SetItemsProcessed(products);
}

}  // namespace

int main(int argc, char** argv) {
  for (const Isa isa : available_isas()) {
    const std::string name = to_string(isa);
    for (const int64_t steps : {int64_t{0}, int64_t{1}, kLeastNarrowLoop}) {
      benchmark::RegisterBenchmark(fmt::format("peak_u8/{}/narrow_steps:{}", name, steps).c_str(),
                                   [=](benchmark::State& state) {
                                     peak(state, [=](int64_t n) { return kernels_for(isa)->burn_u8(n, steps); });
                                   });
    }
    benchmark::RegisterBenchmark(("peak_f32/" + name).c_str(),
                                 [=](benchmark::State& state) { peak(state, kernels_for(isa)->burn_f32); });
    for (const bool integer : {true, false}) {
      for (const Layer& layer : kLayers) {
        const std::string label = fmt::format("{}/{}/{}x{}_k{}_s{}_{}px", integer ? "conv_u8" : "conv_f32", name,
                                              layer.channels, layer.outputs, layer.kernel, layer.stride, layer.size);
        benchmark::RegisterBenchmark(label.c_str(), convolution, isa, layer, integer)->UseManualTime();
      }
    }
  }
  for (const Isa isa : available_isas()) {
    for (Layer layer : kSparseLayers) {
      for (const double zeros : {0.0, 0.4, 0.5, 0.75, 0.875}) {
        layer.zeros = zeros;
        for (const bool integer : {true, false}) {
          const std::string label =
              fmt::format("{}_sparse/{}/{}x{}_k{}_{}px/{}", integer ? "conv_u8" : "conv_f32", to_string(isa),
                          layer.channels, layer.outputs, layer.kernel, layer.size, zeros);
          benchmark::RegisterBenchmark(label.c_str(), convolution, isa, layer, integer)->UseManualTime();
        }
      }
    }
  }
  for (const Isa isa : available_isas()) {
    for (Layer layer : kWidthLayers) {
      for (const int bits : {8, 7, 6, 5, 4, 3, 2}) {
        layer.bits = bits;
        const std::string label = fmt::format("conv_u8_bits/{}/{}x{}_k{}_{}px/{}", to_string(isa), layer.channels,
                                              layer.outputs, layer.kernel, layer.size, bits);
        benchmark::RegisterBenchmark(label.c_str(), convolution, isa, layer, true)->UseManualTime();
      }
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
