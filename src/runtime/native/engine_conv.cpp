// How the engine runs convolutions: weights packed for its kernels, and a layer's pixels and channels parted among
// threads.
#include <algorithm>
#include <cmath>

#include "runtime/native/engine.h"
#include "runtime/native/large_pairs.h"
#include "runtime/native/narrow_steps.h"
#include "runtime/native/parts.h"
#include "runtime/native/winograd.h"
#include "runtime/native/winograd_f32.h"

namespace quench::runtime::native {

namespace {

void skip_channels(ConvU8& conv, int64_t depth, int64_t channels, int64_t lanes) {
  if (conv.blocks.first != nullptr) {
    conv.blocks.first += channels / lanes;
  } else if (conv.wide != nullptr) {
    conv.wide += conv.wide_depth * channels;
  } else {
    conv.weights += 4 * depth * channels;
  }
  if (conv.rest.first != nullptr) conv.rest.first += channels / lanes;
  conv.bias += channels;
  conv.multiplier += channels;
  if (conv.dyadic != nullptr) {
    conv.dyadic += channels;
    conv.shift += channels;
  }
  if (conv.offset != nullptr) conv.offset += channels;
  if (conv.out_u8 != nullptr) conv.out_u8 += channels;
  if (conv.out_f32 != nullptr) conv.out_f32 += channels;
}
void skip_channels(ConvF32& conv, int64_t depth, int64_t channels, int64_t lanes) {
  if (conv.blocks.first != nullptr) {
    conv.blocks.first += channels / lanes;
  } else {
    conv.weights += depth * channels;
  }
  conv.bias += channels;
  conv.output += channels;
}

/// A convolution's passes over its output channels (kernels.h), each as a convolution of its own. most: vectors in a
/// pass.
template <typename Conv>
std::vector<Conv> passes_of(const Conv& conv, int64_t lanes, int64_t most) {
  std::vector<Conv> parts;
  const int64_t channels = conv.shape.channels, total = (channels + lanes - 1) / lanes,
                passes = pass_count(total, most);
  for (int64_t i = 0; i < passes; ++i) {
    const int64_t begin = pass_begin(total, passes, i) * lanes, end = pass_begin(total, passes, i + 1) * lanes;
    Conv& part = parts.emplace_back(conv);
    skip_channels(part, conv.shape.tap_count * conv.shape.run, begin, lanes);
    part.shape.channels = std::min(end, channels) - begin;
  }
  return parts;
}

}  // namespace

template <typename Conv>
void Engine::add_conv(int64_t pixels, const Conv& conv, void (*kernel)(const Conv&, int64_t, int64_t), int vectors,
                      std::vector<Loop>& loops) {
  constexpr int64_t kLeastPixels = 16;
  const int64_t wanted = wanted_parts(), parts = std::clamp<int64_t>(pixels / kLeastPixels, 1, wanted);
  std::vector<Conv> passes{conv};
  if (parts < wanted) passes = passes_of(conv, kernels_.lanes, vectors);
  const auto n = static_cast<int64_t>(passes.size());
  loops.push_back({n * parts, [=, passes = std::move(passes)](int64_t i) {
                     const int64_t part = i / n;
                     kernel(passes[static_cast<size_t>(i % n)], part_begin(pixels, parts, part),
                            part_begin(pixels, parts, part + 1));
                   }});
}

ConvShape Engine::conv_shape(const Instruction& layer, const Walk& walk, int64_t in_bytes, int64_t out_bytes) {
  const auto& conv = std::get<graph::ConvAttributes>(layer.attributes);
  const Buffer& in = buffer_of(layer.inputs[0]);
  auto taps = std::make_unique<std::vector<ptrdiff_t>>();
  const int64_t columns = walk.whole_rows ? 1 : conv.kernel[1];
  for (int64_t row = 0; row < conv.kernel[0]; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      const int64_t at = row * conv.dilation[0] * in.row_step() + column * conv.dilation[1] * in.pitch;
      taps->push_back(at * in_bytes);
    }
  }
  ConvShape shape;
  shape.out_width = value(layer.outputs[0]).width;
  // Where there is one output only, its stride may be any size and is not taken.
  shape.in_row_step = value(layer.outputs[0]).height > 1 ? conv.stride[0] * in.row_step() * in_bytes : 0;
  shape.in_pixel_step = shape.out_width > 1 ? conv.stride[1] * in.pitch * in_bytes : 0;
  const bool direct = direct_output(layer.outputs[0]) >= 0;
  const int64_t channels = layer.weight.shape()[0] / conv.groups;
  const int64_t pitch = direct ? padded(channels, kernels_.lanes) : buffer_of(layer.outputs[0]).pitch;
  shape.channels = direct ? pitch : channels;  // a strip takes what the last vector has too
  shape.out_row_step = (direct ? shape.out_width * pitch : buffer_of(layer.outputs[0]).row_step()) * out_bytes;
  shape.out_pixel_step = pitch * out_bytes;
  shape.taps = taps->data();
  shape.tap_count = walk.taps;
  shape.run = walk.run;
  taps_.push_back(std::move(taps));
  return shape;
}

BlockLists Engine::lists_of(const std::vector<int64_t>& first, const std::vector<int64_t>& steps,
                            const ConvShape& shape) {
  constexpr ptrdiff_t kStepBytes = 4;  // four u8, or one f32
  auto at = std::make_unique<std::vector<ptrdiff_t>>();
  for (const int64_t step : steps) at->push_back(shape.taps[step / shape.run] + kStepBytes * (step % shape.run));
  taps_.push_back(std::move(at));
  return {first.data(), taps_.back()->data()};
}

void Engine::add_in_16_bits(PackedU8& packed, ConvU8& task) {
  task.narrow_steps = narrow_steps(packed, kernels_);
  if (task.narrow_steps > 0) return;
  auto rest = split_large_pairs(packed, kernels_);
  if (!rest) return;
  task.narrow_steps = 1;
  sparse_u8_.push_back(std::make_unique<SparseWeights<int8_t>>(std::move(*rest)));
  const SparseWeights<int8_t>& kept = *sparse_u8_.back();
  task.rest = lists_of(kept.first, kept.step, task.shape);
  task.rest_weights = kept.weights.data();
}

template <typename Packed, typename Conv>
void Engine::skip_zeros(Packed& packed, Conv& task, Instruction& layer, int64_t macs, Sparse<Packed>& all) {
  auto sparse = sparse_blocks(packed, kernels_);
  if (!sparse) return;
  layer.macs -= std::llround(static_cast<double>(macs) * (1 - sparse->share));
  layer.products = layer.macs;
  packed.weights = {};
  all.push_back(std::make_unique<SparseWeights<typename Packed::Weight>>(std::move(*sparse)));
  task.weights = all.back()->weights.data();
  task.blocks = lists_of(all.back()->first, all.back()->step, task.shape);
}

int Engine::direct_output(int id) const {
  for (size_t i = 0; i < program_.outputs.size(); ++i) {
    if (program_.outputs[i].direct && program_.outputs[i].value == id) return static_cast<int>(i);
  }
  return -1;
}

void Engine::add_planar(int64_t pixels, int64_t channels, int64_t first, int output, std::vector<Loop>& loops,
                        std::function<void(int64_t, int64_t, float*)> run) {
  constexpr int64_t kStrip = 96;
  const int64_t pitch = padded(channels, kernels_.lanes);
  const int64_t strips = (pixels + kStrip - 1) / kStrip;
  const int64_t parts = std::min(strips, wanted_parts());
  strips_.push_back(std::make_unique<Aligned<float>>(parts * kStrip * pitch));
  float* memory = strips_.back()->data();
  const auto body = [=, this, run = std::move(run)](int64_t part) {
    float* strip = memory + part * kStrip * pitch;
    float* planes = results_[static_cast<size_t>(output)] + first * pixels;
    for (int64_t i = part_begin(strips, parts, part); i < part_begin(strips, parts, part + 1); ++i) {
      const int64_t begin = i * kStrip, end = std::min(begin + kStrip, pixels);
      run(begin, end, strip - begin * pitch);
      kernels_.to_planar(strip, end - begin, channels, pitch, pitch, planes + begin, pixels);
    }
  };
  loops.push_back({parts, body});
}

void Engine::add_ranges(int in, int64_t groups, std::vector<Loop>& loops) {
  loops.push_back({1, [this, in, first = packed_u8_.size(), groups](int64_t) {
                     for (size_t g = 0; g < static_cast<size_t>(groups); ++g) {
                       set_range(*packed_u8_[first + g], step_now(in), kernels_.u8_offset);
                     }
                   }});
}

void Engine::bind_conv(Instruction& layer, std::vector<Loop>& loops) {
  const auto& conv = std::get<graph::ConvAttributes>(layer.attributes);
  const int in = layer.inputs[0], out = layer.outputs[0];
  const int64_t groups = conv.groups, in_channels = layer.weight.shape()[1];
  const int64_t channels = layer.weight.shape()[0] / groups;
  const int64_t pixels = value(out).height * value(out).width;
  const Buffer& from = buffer_of(in);
  const bool adjacent = from.pitch == in_channels;
  const int64_t corner = -conv.padding[0] * from.row_step() - conv.padding[1] * from.pitch;
  const int direct = direct_output(out);
  const int64_t macs = layer.weight.size() / groups * pixels;
  layer.products = layer.macs;
  if (value(in).dynamic) add_ranges(in, groups, loops);
  for (int64_t g = 0; g < groups; ++g) {
    const int64_t offset = corner + g * in_channels;
    if (layer.kind != Kind::conv_f32) {
      const bool wide = layer.kind == Kind::conv_w16;
      packed_u8_.push_back(std::make_unique<PackedU8>(
          wide ? pack_wide(layer, value(in), kernels_)
               : pack_u8(layer, value(in), value(out), kernels_, g * channels, channels, adjacent)));
      PackedU8& packed = *packed_u8_.back();
      const auto kernel = wide ? kernels_.conv_wide : kernels_.conv_u8;
      ConvU8 task;
      const bool to_u8 = value(out).is_u8;
      task.shape = conv_shape(layer, packed.walk, 1, to_u8 ? 1 : 4);
      task.input = plane<uint8_t>(in).data + offset;
      task.weights = packed.weights.data();
      if (wide) {
        task.wide = packed.wide.data();
        task.wide_depth = padded(in_channels, kernels_.short_step);
      } else {
        skip_zeros(packed, task, layer, macs, sparse_u8_);
      }
      const bool winograd =
          direct < 0 && task.blocks.first == nullptr && winograd_pays(layer, value(in), value(out), kernels_);
      if (!winograd && !wide && task.blocks.first == nullptr) add_in_16_bits(packed, task);
      layer.narrow_steps = std::max(layer.narrow_steps, task.narrow_steps);
      task.bias = packed.bias.data();
      task.multiplier = packed.multiplier.data();
      if (layer.dyadic) {
        task.dyadic = packed.dyadic.data();
        task.shift = packed.shift.data();
      }
      task.offset = packed.offset.size() > 0 ? packed.offset.data() : nullptr;
      task.out_u8 = to_u8 ? plane<uint8_t>(out).data + g * channels : nullptr;
      task.out_f32 = to_u8 || direct >= 0 ? nullptr : plane<float>(out).data + g * channels;
      task.zero_point = layer.step.zero_point;
      task.low = layer.step.low;
      task.high = layer.step.high;
      task.table = layer.table ? layer.table->data() : nullptr;
      task.activation = layer.activation;
      task.steps = static_cast<float>(1.0 / layer.step.scale);
      if (winograd) {
        packed.weights = {};
        add_winograd(layer, task, loops);
      } else if (direct >= 0) {
        add_planar(pixels, channels, g * channels, direct, loops,
                   [kernel, task](int64_t begin, int64_t end, float* to) {
                     ConvU8 strip = task;
                     strip.out_f32 = to;
                     kernel(strip, begin, end);
                   });
      } else {
        add_conv(pixels, task, kernel, kernels_.u8_vectors, loops);
      }
    } else {
      packed_f32_.push_back(std::make_unique<PackedF32>(pack_f32(layer, kernels_, g * channels, channels, adjacent)));
      PackedF32& packed = *packed_f32_.back();
      ConvF32 task;
      task.shape = conv_shape(layer, packed.walk, 4, 4);
      task.input = plane<float>(in).data + offset;
      task.weights = packed.weights.data();
      skip_zeros(packed, task, layer, macs, sparse_f32_);
      task.bias = packed.bias.data();
      task.output = direct >= 0 ? nullptr : plane<float>(out).data + g * channels;
      task.activation = layer.activation;
      if (direct < 0 && task.blocks.first == nullptr && winograd_pays_f32(layer, value(in), value(out))) {
        packed.weights = {};
        add_winograd(layer, task, loops);
      } else if (direct >= 0) {
        add_planar(pixels, channels, g * channels, direct, loops, [this, task](int64_t begin, int64_t end, float* to) {
          ConvF32 strip = task;
          strip.output = to;
          kernels_.conv_f32(strip, begin, end);
        });
      } else {
        add_conv(pixels, task, kernels_.conv_f32, kernels_.f32_vectors, loops);
      }
    }
  }
}

}  // namespace quench::runtime::native
