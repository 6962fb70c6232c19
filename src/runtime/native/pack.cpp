#include "runtime/native/pack.h"

#include <algorithm>

#include "core/error.h"
#include "runtime/native/dyadic.h"

namespace quench::runtime::native {

namespace {

constexpr int64_t kMostByte = 255;

/// Value r of tap t as an index into one output channel's weights [I/groups, kh, kw], or -1 past the run's end.
struct Order {
  int64_t channels, kernel_h, kernel_w;
  bool whole_rows;
  int64_t at(int64_t tap, int64_t r) const {
    const int64_t row = whole_rows ? tap : tap / kernel_w;
    const int64_t column = whole_rows ? r / channels : tap % kernel_w;
    const int64_t channel = whole_rows ? r % channels : r;
    if (column >= kernel_w || channel >= channels) return -1;
    return (channel * kernel_h + row) * kernel_w + column;
  }
};

template <typename T>
void pack(const Tensor& weight, const Order& order, const Walk& walk, int64_t lanes, int64_t most, int64_t group,
          int64_t first, int64_t count, T* to) {
  const auto from = weight.values<T>();
  const int64_t depth = weight.size() / weight.shape()[0];
  const int64_t total = (count + lanes - 1) / lanes, passes = pass_count(total, most);
  for (int64_t pass = 0; pass < passes; ++pass) {
    const int64_t begin = pass_begin(total, passes, pass) * lanes, end = pass_begin(total, passes, pass + 1) * lanes;
    for (int64_t tap = 0; tap < walk.taps; ++tap) {
      for (int64_t k = 0; k < walk.run; ++k) {
        for (int64_t channel = begin; channel < end; ++channel) {
          for (int64_t j = 0; j < group; ++j) {
            const int64_t at = channel < count ? order.at(tap, k * group + j) : -1;
            *to++ = at < 0 ? T{0} : from[static_cast<size_t>((first + channel) * depth + at)];
          }
        }
      }
    }
  }
}

/// Vectors of lanes x 4 values as lanes x the first two, then lanes x the last two.
void split_pairs(int64_t lanes, Aligned<int8_t>& weights) {
  ensure(std::count(weights.data(), weights.data() + weights.size(), -128) == 0, "[runtime.native] a weight is -128");
  std::vector<int8_t> vector(static_cast<size_t>(4 * lanes));
  for (int64_t at = 0; at < weights.size(); at += 4 * lanes) {
    std::copy_n(weights.data() + at, 4 * lanes, vector.data());
    for (int64_t i = 0; i < 4 * lanes; ++i) {
      const int64_t lane = i / 4, half = i % 4 / 2;
      weights[at + half * 2 * lanes + 2 * lane + i % 2] = vector[static_cast<size_t>(i)];
    }
  }
}

Order order_of(const Instruction& layer, const Walk& walk) {
  const Shape& s = layer.weight.shape();
  return {s[1], s[2], s[3], walk.whole_rows};
}

}  // namespace

Walk walk_of(const graph::ConvAttributes& conv, int64_t group_channels, bool adjacent) {
  if (adjacent && conv.dilation[1] == 1) return {conv.kernel[0], conv.kernel[1] * group_channels, true};
  return {conv.kernel[0] * conv.kernel[1], group_channels, false};
}

PackedU8 pack_u8(const Instruction& layer, const Value& in, const Value& out, const Kernels& kernels, int64_t first,
                 int64_t count, bool adjacent) {
  PackedU8 packed;
  packed.walk = walk_of(std::get<graph::ConvAttributes>(layer.attributes), layer.weight.shape()[1], adjacent);
  packed.walk.run = (packed.walk.run + 3) / 4;
  const int64_t width = padded(count, kernels.lanes);
  packed.weights = Aligned<int8_t>(width * packed.walk.taps * packed.walk.run * 4);
  pack(layer.weight, order_of(layer, packed.walk), packed.walk, kernels.lanes, kernels.u8_vectors, 4, first, count,
       packed.weights.data());
  if (kernels.u8_pairs) split_pairs(kernels.lanes, packed.weights);
  packed.bias = Aligned<int32_t>(width);
  packed.multiplier = Aligned<float>(width);
  const auto weights = layer.weight.values<int8_t>();
  const int64_t depth = layer.weight.size() / layer.weight.shape()[0];
  if (in.dynamic) packed.offset = Aligned<float>(width);
  if (layer.dyadic) {
    packed.dyadic = Aligned<int32_t>(width);
    packed.shift = Aligned<int32_t>(width);
    std::fill_n(packed.shift.data(), width, 1);
  }
  const bool to_steps = out.is_u8 && layer.activation != graph::Activation::silu;  // silu is of real values
  for (int64_t c = 0; c < count; ++c) {
    int32_t sum = 0;
    int64_t most = 0;
    for (int64_t i = 0; i < depth; ++i) {
      const int32_t q = weights[static_cast<size_t>((first + c) * depth + i)];
      sum += q;
      most += kMostByte * std::abs(q);
    }
    const auto channel = static_cast<size_t>(first + c);
    if (in.dynamic) {
      packed.offset[c] = layer.bias.values<float>()[channel];
      packed.sums.push_back(sum);
      packed.weight_scale.push_back(layer.weight_scale[channel]);
      continue;
    }
    packed.bias[c] = layer.bias.values<int32_t>()[channel] + (kernels.u8_offset - in.step.zero_point) * sum;
    const double scale = static_cast<double>(in.step.scale) * layer.weight_scale[channel];
    packed.multiplier[c] = static_cast<float>(to_steps ? scale / layer.step.scale : scale);
    if (!layer.dyadic) continue;
    most += std::abs(int64_t{layer.bias.values<int32_t>()[channel]});
    const Dyadic factor = dyadic_of(scale / layer.step.scale, most, layer.name);
    packed.dyadic[c] = factor.multiplier;
    packed.shift[c] = factor.shift;
  }
  return packed;
}

PackedU8 pack_wide(const Instruction& layer, const Value& in, const Kernels& kernels) {
  const int64_t channels = layer.weight.shape()[0], depth = layer.weight.shape()[1], lanes = kernels.lanes;
  const int64_t wide_depth = padded(depth, kernels.short_step), beside = kernels.shorts_a_dot;
  const int64_t width = padded(channels, lanes), passes = pass_count(width / lanes, kernels.u8_vectors);
  PackedU8 packed;
  packed.walk = {1, depth, false};
  packed.wide = Aligned<int16_t>(width * wide_depth);
  packed.bias = Aligned<int32_t>(width);
  packed.multiplier = Aligned<float>(width);
  packed.offset = Aligned<float>(width);
  for (int64_t pass = 0; pass < passes; ++pass) {
    const int64_t begin = pass_begin(width / lanes, passes, pass) * lanes;
    const int64_t across = pass_begin(width / lanes, passes, pass + 1) * lanes - begin;
    for (int64_t c = begin; c < std::min(begin + across, channels); ++c) {
      const auto o = static_cast<size_t>(c);
      int32_t sum = 0;
      for (int64_t k = 0; k < depth; ++k) {
        const int16_t w = layer.wide[o * static_cast<size_t>(depth) + static_cast<size_t>(k)];
        packed.wide[begin * wide_depth + k / beside * beside * across + beside * (c - begin) + k % beside] = w;
        sum += w;
      }
      packed.bias[c] = (kernels.u8_offset - in.step.zero_point) * sum;
      packed.multiplier[c] = static_cast<float>(static_cast<double>(in.step.scale) * layer.weight_scale[o]);
      packed.offset[c] = layer.bias.values<float>()[o];
    }
  }
  return packed;
}

void set_range(PackedU8& packed, const Step8& in, int32_t u8_offset) {
  for (size_t c = 0; c < packed.sums.size(); ++c) {
    const auto at = static_cast<int64_t>(c);
    packed.bias[at] = (u8_offset - in.zero_point) * packed.sums[c];
    packed.multiplier[at] = static_cast<float>(static_cast<double>(in.scale) * packed.weight_scale[c]);
  }
}

PackedF32 pack_f32(const Instruction& layer, const Kernels& kernels, int64_t first, int64_t count, bool adjacent) {
  PackedF32 packed;
  packed.walk = walk_of(std::get<graph::ConvAttributes>(layer.attributes), layer.weight.shape()[1], adjacent);
  const int64_t width = padded(count, kernels.lanes);
  packed.weights = Aligned<float>(width * packed.walk.taps * packed.walk.run);
  pack(layer.weight, order_of(layer, packed.walk), packed.walk, kernels.lanes, kernels.f32_vectors, 1, first, count,
       packed.weights.data());
  packed.bias = Aligned<float>(width);
  for (int64_t c = 0; c < count; ++c) packed.bias[c] = layer.bias.values<float>()[static_cast<size_t>(first + c)];
  return packed;
}

}  // namespace quench::runtime::native
