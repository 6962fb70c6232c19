// How the engine runs a convolution by Winograd's algorithm: in tiles, parted among threads.
#include <algorithm>

#include "runtime/native/engine.h"
#include "runtime/native/parts.h"
#include "runtime/native/winograd.h"
#include "runtime/native/winograd_f32.h"

namespace quench::runtime::native {
namespace {

/// Bytes of values at once: they and a pass's weights stay in a core's own cache.
constexpr int64_t kValueBytes = 128 << 10;
constexpr int64_t kLine = 64;  ///< bytes of a line of the cache

/// Whole groups of six, which the kernels take at once. bytes: of the values of a point.
int64_t tiles_at_once(int64_t bytes) {
  return std::clamp<int64_t>(kValueBytes / (kWinogradPoints * bytes) / 6 * 6, 6, 48);
}

/// Whole groups of 24 where so many fit: kernels of floats take 6 or 8 at once.
int64_t float_tiles_at_once(int64_t bytes) {
  const int64_t tiles = 2 * kValueBytes / (kWinogradPoints * bytes);
  return tiles >= 24 ? std::min<int64_t>(tiles / 24 * 24, 48) : std::max<int64_t>(tiles / 6 * 6, 12);
}

}  // namespace

template <typename T>
void Engine::set_tiles(const Instruction& layer, const T* input, int64_t lanes, WinogradTiles<T>& tiles) const {
  const Value &in = value(layer.inputs[0]), &out = value(layer.outputs[0]);
  const Buffer& from = buffer_of(layer.inputs[0]);
  tiles = {input, from.row_step(), from.pitch, out.height, out.width, in.channels, padded(in.channels, lanes)};
}

template <typename V, typename Sum, typename Conv>
void Engine::add_tiles(Instruction& layer, const Conv& conv,
                       void (*kernel)(const Conv&, int64_t, int64_t, WinogradMemory<V, Sum>), int64_t at_once,
                       int64_t vectors, std::vector<Loop>& loops) {
  const Value& out = value(layer.outputs[0]);
  const int64_t tiles = winograd_tiles(out), parts = std::clamp<int64_t>(tiles / 6, 1, wanted_parts());
  layer.products = kWinogradPoints * tiles * conv.in_channels * out.channels;
  const int64_t of_values = padded(kWinogradPoints * at_once * conv.depth * static_cast<int64_t>(sizeof(V)), kLine);
  const int64_t bytes =
      of_values +
      padded(kWinogradPoints * at_once * vectors * kernels_.lanes * static_cast<int64_t>(sizeof(Sum)), kLine);
  if (winograd_memory_.size() < parts * bytes) winograd_memory_ = Aligned<uint8_t>(parts * bytes);
  loops.push_back({parts, [this, conv, kernel, tiles, parts, at_once, of_values, bytes](int64_t i) {
                     uint8_t* memory = winograd_memory_.data() + i * bytes;
                     kernel(conv, part_begin(tiles, parts, i), part_begin(tiles, parts, i + 1),
                            {at_once, reinterpret_cast<V*>(memory), reinterpret_cast<Sum*>(memory + of_values)});
                   }});
}

void Engine::add_winograd(Instruction& layer, const ConvU8& task, std::vector<Loop>& loops) {
  winograd_weights_.push_back(std::make_unique<Aligned<int16_t>>(winograd_weights(layer.weight, kernels_)));
  WinogradU8 conv;
  set_tiles(layer, task.input, kernels_.shorts, conv);
  conv.finish = task;
  conv.weights = winograd_weights_.back()->data();
  add_tiles(layer, conv, kernels_.winograd_u8, tiles_at_once(2 * conv.depth), kernels_.winograd_vectors, loops);
}

void Engine::add_winograd(Instruction& layer, const ConvF32& task, std::vector<Loop>& loops) {
  const Buffer& to = buffer_of(layer.outputs[0]);
  winograd_weights_f32_.push_back(std::make_unique<Aligned<float>>(winograd_weights_f32(layer.weight, kernels_)));
  WinogradF32 conv;
  set_tiles(layer, task.input, kernels_.lanes, conv);
  conv.out_channels = value(layer.outputs[0]).channels;
  conv.weights = winograd_weights_f32_.back()->data();
  conv.bias = task.bias;
  conv.output = task.output;
  conv.out_row_step = to.row_step();
  conv.out_pixel_step = to.pitch;
  conv.activation = task.activation;
  add_tiles(layer, conv, kernels_.winograd_f32, float_tiles_at_once(4 * conv.depth), kernels_.f32_vectors, loops);
}

}  // namespace quench::runtime::native
