#include "nn/kernels/batch_norm.h"

#include <bit>
#include <cstring>
#include <numeric>
#include <vector>

#include "nn/kernels/parallel.h"

namespace quench::nn::kernels {

namespace {

/// Floats of one block: 64 KiB stay in a core's own cache between the column groups of a loop.
constexpr int64_t kBlockFloats = 16384;

/// [rows, channels] seen as wide rows of a width that vectors divide (several rows side by side), cut into blocks; what
/// does not fill a wide row is the rest.
struct Blocks {
  int64_t width;  ///< multiple of channels and of kBlock
  int64_t wide_rows;
  int64_t rows_each;    ///< wide rows of a block
  int64_t count;        ///< blocks of wide rows
  int64_t rest_offset;  ///< in floats
  int64_t rest;         ///< floats left

  explicit Blocks(const RowsLayout& layout) {
    width = std::lcm(layout.channels, kBlock);
    const int64_t total = layout.rows * layout.channels;
    wide_rows = total / width;
    rows_each = std::max<int64_t>(1, kBlockFloats / width);
    count = (wide_rows + rows_each - 1) / rows_each;
    rest_offset = wide_rows * width;
    rest = total - rest_offset;
  }
  int64_t begin(int64_t block) const { return block * rows_each * width; }
  int64_t rows(int64_t block) const { return std::min(rows_each, wide_rows - block * rows_each); }
};

/// One value a channel, repeated across a wide row.
class Repeated {
 public:
  template <typename Value>
  Repeated(const Blocks& blocks, int64_t channels, const Value& value) : values_(static_cast<size_t>(blocks.width)) {
    for (int64_t c = 0; c < channels; ++c) values_[c] = value(c);
    for (int64_t i = channels; i < blocks.width; ++i) values_[i] = values_[i - channels];
  }
  const float* data() const { return values_.data(); }

 private:
  std::vector<float> values_;
};

/// Two sums of each channel over all rows. body(offset, rows, first, second) adds a block's sums; rest(first, second)
/// those of the rest.
template <typename Body, typename Rest>
void reduce(const Blocks& blocks, const RowsLayout& layout, const Body& body, const Rest& rest, double* first,
            double* second) {
  const int64_t parts = blocks.count + (blocks.rest > 0 ? 1 : 0);
  std::vector<float> sums(static_cast<size_t>(parts * 2 * blocks.width), 0.0f);
  for_parts(blocks.count, layout.threads, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      float* sum = sums.data() + block * 2 * blocks.width;
      body(blocks.begin(block), blocks.rows(block), sum, sum + blocks.width);
    }
  });
  if (blocks.rest > 0) {
    float* sum = sums.data() + blocks.count * 2 * blocks.width;
    rest(sum, sum + blocks.width);
  }
  std::fill(first, first + layout.channels, 0.0);
  std::fill(second, second + layout.channels, 0.0);
  for (int64_t part = 0; part < parts; ++part) {
    const float* sum = sums.data() + part * 2 * blocks.width;
    for (int64_t start = 0; start < blocks.width; start += layout.channels) {
      for (int64_t c = 0; c < layout.channels; ++c) {
        first[c] += sum[start + c];
        second[c] += sum[blocks.width + start + c];
      }
    }
  }
}

/// The rest of a span as one wide row, filled up by zeros.
template <typename Value>
std::vector<Value> padded(const Value* values, const Blocks& blocks) {
  std::vector<Value> out(static_cast<size_t>(blocks.width), Value{});
  std::memcpy(out.data(), values + blocks.rest_offset, static_cast<size_t>(blocks.rest) * sizeof(Value));
  return out;
}

/// The same, filled up by the first row.
template <typename Value>
std::vector<Value> padded_by_first(const Value* values, const Blocks& blocks, int64_t channels) {
  std::vector<Value> out = padded(values, blocks);
  for (int64_t i = blocks.rest; i < blocks.width; ++i) out[i] = values[i % channels];
  return out;
}

float wide(float value) { return value; }
float wide(Bf16 value) { return std::bit_cast<float>(static_cast<uint32_t>(value.bits) << 16); }

/// The affine map of a normalization, repeated across a wide row.
struct WideMap {
  Repeated mean, slope, offset;
  WideMap(const Blocks& blocks, int64_t channels, const NormParameters& p)
      : mean(blocks, channels, [&](int64_t c) { return p.mean[c]; }),
        slope(blocks, channels, [&](int64_t c) { return p.weight[c] * p.inverse_deviation[c]; }),
        offset(blocks, channels, [&](int64_t c) { return p.bias[c]; }) {}
  AffineMap map() const { return {mean.data(), slope.data(), offset.data()}; }
};

}  // namespace

template <typename Value>
void channel_moments(const Value* x, const RowsLayout& layout, double* mean, double* variance) {
  const Blocks blocks(layout);
  const NormTable<Value>& kernels = table(layout.isa).norm_of<Value>();
  const Repeated shift(blocks, layout.channels, [&](int64_t c) { return wide(x[c]); });
  reduce(
      blocks, layout,
      [&](int64_t offset, int64_t rows, float* first, float* second) {
        kernels.moments(x + offset, rows, blocks.width, shift.data(), first, second);
      },
      [&](float* first, float* second) {
        const std::vector<Value> row = padded_by_first(x, blocks, layout.channels);
        kernels.moments(row.data(), 1, blocks.width, shift.data(), first, second);
      },
      mean, variance);
  const double count = static_cast<double>(layout.rows);
  for (int64_t c = 0; c < layout.channels; ++c) {
    const double offset = mean[c] / count;
    variance[c] = std::max(0.0, variance[c] / count - offset * offset);
    mean[c] = wide(x[c]) + offset;
  }
}

template <typename Value>
void norm_forward(const Value* x, Value* y, const RowsLayout& layout, const NormParameters& parameters) {
  const Blocks blocks(layout);
  const NormTable<Value>& kernels = table(layout.isa).norm_of<Value>();
  const WideMap map(blocks, layout.channels, parameters);
  for_parts(blocks.count, layout.threads, [&](int64_t begin, int64_t end) {
    // From the last block back: it is the one that the pass before has left in the cache.
    for (int64_t block = end - 1; block >= begin; --block) {
      const int64_t offset = blocks.begin(block);
      kernels.forward(x + offset, y + offset, blocks.rows(block), blocks.width, map.map(), parameters.silu);
    }
  });
  if (blocks.rest > 0) {
    std::vector<Value> row = padded(x, blocks);
    kernels.forward(row.data(), row.data(), 1, blocks.width, map.map(), parameters.silu);
    std::memcpy(y + blocks.rest_offset, row.data(), static_cast<size_t>(blocks.rest) * sizeof(Value));
  }
}

template <typename Value>
void norm_sums(const Value* x, const Value* dy, const RowsLayout& layout, const NormParameters& parameters, double* sum,
               double* product, Value* dz) {
  const Blocks blocks(layout);
  const NormTable<Value>& kernels = table(layout.isa).norm_of<Value>();
  const WideMap map(blocks, layout.channels, parameters);
  reduce(
      blocks, layout,
      [&](int64_t offset, int64_t rows, float* first, float* second) {
        kernels.sums(x + offset, dy + offset, dz == nullptr ? nullptr : dz + offset, rows, blocks.width, map.map(),
                     parameters.silu, first, second);
      },
      [&](float* first, float* second) {
        const std::vector<Value> row = padded(x, blocks);
        std::vector<Value> gradient = padded(dy, blocks);
        kernels.sums(row.data(), gradient.data(), gradient.data(), 1, blocks.width, map.map(), parameters.silu, first,
                     second);
        if (dz == nullptr) return;
        std::memcpy(dz + blocks.rest_offset, gradient.data(), static_cast<size_t>(blocks.rest) * sizeof(Value));
      },
      sum, product);
}

template <typename Value>
void norm_backward(const Value* x, const Value* dz, const RowsLayout& layout, const NormParameters& parameters,
                   const double* sum, const double* product, int64_t count, Value* dx) {
  const int64_t channels = layout.channels;
  const Blocks blocks(layout);
  const NormTable<Value>& kernels = table(layout.isa).norm_of<Value>();
  const WideMap map(blocks, channels, parameters);
  const double share = count > 0 ? 1.0 / static_cast<double>(count) : 0.0;
  const Repeated constant(blocks, channels, [&](int64_t c) {
    return static_cast<float>(sum[c] * share * parameters.weight[c] * parameters.inverse_deviation[c]);
  });
  const Repeated linear(blocks, channels, [&](int64_t c) {
    const double inverse = parameters.inverse_deviation[c];
    return static_cast<float>(product[c] * share * parameters.weight[c] * inverse * inverse * inverse);
  });
  for_parts(blocks.count, layout.threads, [&](int64_t begin, int64_t end) {
    for (int64_t block = end - 1; block >= begin; --block) {
      const int64_t offset = blocks.begin(block);
      kernels.backward(x + offset, dz + offset, dx + offset, blocks.rows(block), blocks.width, map.map(),
                       constant.data(), linear.data());
    }
  });
  if (blocks.rest > 0) {
    const std::vector<Value> row = padded(x, blocks);
    std::vector<Value> gradient = padded(dz, blocks);
    kernels.backward(row.data(), gradient.data(), gradient.data(), 1, blocks.width, map.map(), constant.data(),
                     linear.data());
    std::memcpy(dx + blocks.rest_offset, gradient.data(), static_cast<size_t>(blocks.rest) * sizeof(Value));
  }
}

#define QUENCH_OF(Value)                                                                                               \
  template void channel_moments(const Value* x, const RowsLayout& layout, double* mean, double* variance);             \
  template void norm_forward(const Value* x, Value* y, const RowsLayout& layout, const NormParameters& parameters);    \
  template void norm_sums(const Value* x, const Value* dy, const RowsLayout& layout, const NormParameters& parameters, \
                          double* sum, double* product, Value* dz);                                                    \
  template void norm_backward(const Value* x, const Value* dz, const RowsLayout& layout,                               \
                              const NormParameters& parameters, const double* sum, const double* product,              \
                              int64_t count, Value* dx);
QUENCH_OF(float)
QUENCH_OF(Bf16)
#undef QUENCH_OF

}  // namespace quench::nn::kernels
