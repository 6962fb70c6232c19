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

void Engine::add_winograd(Instruction& layer, const ConvU8& task, std::vector<Loop>& loops) {
  const Value &in = value(layer.inputs[0]), &out = value(layer.outputs[0]);
  const Buffer& from = buffer_of(layer.inputs[0]);
  winograd_weights_.push_back(std::make_unique<Aligned<int16_t>>(winograd_weights(layer.weight, kernels_)));
  WinogradU8 conv;
  conv.finish = task;
  conv.input = task.input;
  conv.in_row_step = from.row_step();
  conv.in_pixel_step = from.pitch;
  conv.out_height = out.height;
  conv.out_width = out.width;
  conv.in_channels = in.channels;
  conv.depth = padded(in.channels, kernels_.shorts);
  conv.weights = winograd_weights_.back()->data();
  const int64_t tiles = winograd_tiles(out), at_once = tiles_at_once(2 * conv.depth);
  layer.products = kWinogradPoints * tiles * in.channels * out.channels;
  const int64_t parts = std::clamp<int64_t>(tiles / 6, 1, wanted_parts());
  const int64_t value_bytes = padded(2 * kWinogradPoints * at_once * conv.depth, kLine);
  const int64_t sum_bytes = padded(4 * kWinogradPoints * at_once * kernels_.winograd_vectors * kernels_.lanes, kLine);
  const int64_t bytes = value_bytes + sum_bytes;
  need_memory(parts * bytes);
  loops.push_back({parts, [this, conv, tiles, parts, at_once, value_bytes, bytes](int64_t i) {
                     uint8_t* memory = winograd_memory_.data() + i * bytes;
                     kernels_.winograd_u8(conv, part_begin(tiles, parts, i), part_begin(tiles, parts, i + 1),
                                          {at_once, reinterpret_cast<int16_t*>(memory),
                                           reinterpret_cast<int32_t*>(memory + value_bytes)});
                   }});
}

void Engine::add_winograd(Instruction& layer, const ConvF32& task, std::vector<Loop>& loops) {
  const Value &in = value(layer.inputs[0]), &out = value(layer.outputs[0]);
  const Buffer &from = buffer_of(layer.inputs[0]), &to = buffer_of(layer.outputs[0]);
  winograd_weights_f32_.push_back(std::make_unique<Aligned<float>>(winograd_weights_f32(layer.weight, kernels_)));
  WinogradF32 conv;
  conv.input = task.input;
  conv.in_row_step = from.row_step();
  conv.in_pixel_step = from.pitch;
  conv.out_height = out.height;
  conv.out_width = out.width;
  conv.in_channels = in.channels;
  conv.out_channels = out.channels;
  conv.depth = padded(in.channels, kernels_.lanes);
  conv.weights = winograd_weights_f32_.back()->data();
  conv.bias = task.bias;
  conv.output = task.output;
  conv.out_row_step = to.row_step();
  conv.out_pixel_step = to.pitch;
  conv.activation = task.activation;
  const int64_t tiles = winograd_tiles(out), at_once = float_tiles_at_once(4 * conv.depth);
  layer.products = kWinogradPoints * tiles * in.channels * out.channels;
  const int64_t parts = std::clamp<int64_t>(tiles / 6, 1, wanted_parts());
  const int64_t value_bytes = padded(4 * kWinogradPoints * at_once * conv.depth, kLine);
  const int64_t bytes =
      value_bytes + padded(4 * kWinogradPoints * at_once * kernels_.f32_vectors * kernels_.lanes, kLine);
  need_memory(parts * bytes);
  loops.push_back({parts, [this, conv, tiles, parts, at_once, value_bytes, bytes](int64_t i) {
                     uint8_t* memory = winograd_memory_.data() + i * bytes;
                     kernels_.winograd_f32(
                         conv, part_begin(tiles, parts, i), part_begin(tiles, parts, i + 1),
                         {at_once, reinterpret_cast<float*>(memory), reinterpret_cast<float*>(memory + value_bytes)});
                   }});
}

void Engine::need_memory(int64_t bytes) {
  if (winograd_memory_.size() < bytes) winograd_memory_ = Aligned<uint8_t>(bytes);
}

}  // namespace quench::runtime::native
