// How the engine runs a convolution by Winograd's algorithm: in tiles, parted among threads.
#include <algorithm>

#include "runtime/native/engine.h"
#include "runtime/native/parts.h"
#include "runtime/native/winograd.h"

namespace quench::runtime::native {
namespace {

/// Bytes of values at once: they and a pass's weights stay in a core's own cache.
constexpr int64_t kValueBytes = 128 << 10;
constexpr int64_t kLine = 64;  ///< bytes of a line of the cache

/// Whole groups of six, which the kernels take at once.
int64_t tiles_at_once(int64_t depth) {
  return std::clamp<int64_t>(kValueBytes / (2 * kWinogradPoints * depth) / 6 * 6, 6, 48);
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
  const int64_t tiles = winograd_tiles(out), at_once = tiles_at_once(conv.depth);
  layer.products = kWinogradPoints * tiles * in.channels * out.channels;
  const int64_t parts = std::clamp<int64_t>(tiles / 6, 1, wanted_parts());
  const int64_t value_bytes = padded(2 * kWinogradPoints * at_once * conv.depth, kLine);
  const int64_t sum_bytes = padded(4 * kWinogradPoints * at_once * kernels_.winograd_vectors * kernels_.lanes, kLine);
  const int64_t bytes = value_bytes + sum_bytes;
  if (winograd_memory_.size() < parts * bytes) winograd_memory_ = Aligned<uint8_t>(parts * bytes);
  loops.push_back({parts, [this, conv, tiles, parts, at_once, value_bytes, bytes](int64_t i) {
                     uint8_t* memory = winograd_memory_.data() + i * bytes;
                     kernels_.winograd_u8(conv, part_begin(tiles, parts, i), part_begin(tiles, parts, i + 1),
                                          {at_once, reinterpret_cast<int16_t*>(memory),
                                           reinterpret_cast<int32_t*>(memory + value_bytes)});
                   }});
}

}  // namespace quench::runtime::native
