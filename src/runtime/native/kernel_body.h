// The loops, written once over the vector type `V` of an instruction set. Included by each kernels_<isa>.cpp inside its
// own anonymous namespace, so that no code compiled for one processor is shared with another: nothing here may call
// inline functions of other headers.

// --- pieces ----------------------------------------------------------------------------------------------------------

using F = V::F;
using I = V::I;

inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t greatest(int64_t a, int64_t b) { return a > b ? a : b; }

template <typename T>
inline void copy(T* to, const T* from, int64_t count) {
  __builtin_memcpy(to, from, static_cast<size_t>(count) * sizeof(T));
}

/// e^y for |y| <= 87.3: range reduction by ln 2 and a polynomial of degree 7 (Cephes expf), within 2 units of the last
/// place. The operations and their order are fixed.
inline F exponential(F y) {
  y = V::min(V::max(y, V::set(-87.3f)), V::set(87.3f));
  const I n = V::round(V::mul(y, V::set(1.44269504088896341f)));
  const F steps = V::to_float(n);
  F r = V::fma(steps, V::set(-0.693359375f), y);
  r = V::fma(steps, V::set(2.12194440e-4f), r);
  F p = V::set(1.9875691500e-4f);
  p = V::fma(p, r, V::set(1.3981999507e-3f));
  p = V::fma(p, r, V::set(8.3334519073e-3f));
  p = V::fma(p, r, V::set(4.1665795894e-2f));
  p = V::fma(p, r, V::set(1.6666665459e-1f));
  p = V::fma(p, r, V::set(5.0000001201e-1f));
  p = V::fma(p, V::mul(r, r), r);
  return V::mul(V::add(p, V::set(1.0f)), V::power_of_two(n));
}

inline F sigmoid(F x) {
  return V::div(V::set(1.0f), V::add(V::set(1.0f), exponential(V::sub(V::set(0.0f), x))));
}
inline F silu(F x) { return V::mul(x, sigmoid(x)); }
inline F relu(F x) { return V::max(x, V::set(0.0f)); }

inline F activate(F x, graph::Activation activation) {
  switch (activation) {
    case graph::Activation::silu: return silu(x);
    case graph::Activation::relu: return relu(x);
    case graph::Activation::none: break;
  }
  return x;
}

/// Rounds to an integer step and adds the zero point. low and high are relative to the zero point.
inline I to_steps(F x, F low, F high, I zero_point) {
  return V::add_i(V::round(V::min(V::max(x, low), high)), zero_point);
}

// --- convolution -----------------------------------------------------------------------------------------------------

/// Walks the windows of consecutive output pixels.
template <typename T>
class Windows {
 public:
  Windows(const ConvShape& shape, const T* input, int64_t pixel)
      : shape_(shape), input_(reinterpret_cast<const char*>(input)), y_(pixel / shape.out_width),
        x_(pixel % shape.out_width) {}

  /// Addresses of the next `count` windows and of their outputs; the last is repeated up to `size`.
  void next(int64_t count, int64_t size, const T** windows, ptrdiff_t* outputs) {
    for (int64_t i = 0; i < size; ++i) {
      if (i >= count) {
        windows[i] = windows[count - 1];
        continue;
      }
      windows[i] = reinterpret_cast<const T*>(input_ + y_ * shape_.in_row_step + x_ * shape_.in_pixel_step);
      outputs[i] = y_ * shape_.out_row_step + x_ * shape_.out_pixel_step;
      if (++x_ == shape_.out_width) {
        x_ = 0;
        ++y_;
      }
    }
  }

 private:
  const ConvShape& shape_;
  const char* input_;
  int64_t y_, x_;
};

template <int Pixels, int Vectors>
inline void accumulate_u8(const ConvShape& shape, const uint8_t* const* windows, const int8_t* weights,
                          typename V::Acc (&acc)[Pixels][Vectors]) {
#pragma GCC unroll 8
  for (int p = 0; p < Pixels; ++p) {
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) acc[p][v] = V::zero();
  }
  for (int64_t t = 0; t < shape.tap_count; ++t) {
    const uint8_t* at[Pixels];
#pragma GCC unroll 8
    for (int p = 0; p < Pixels; ++p) at[p] = windows[p] + shape.taps[t];
    for (int64_t k = 0; k < shape.run; ++k) {
      typename V::W w[Vectors];
#pragma GCC unroll 8
      for (int v = 0; v < Vectors; ++v) w[v] = V::load_weights(weights + v * V::kLanes * 4);
      weights += Vectors * V::kLanes * 4;
#pragma GCC unroll 8
      for (int p = 0; p < Pixels; ++p) {
        const typename V::X x = V::load_quad(at[p] + 4 * k);
#pragma GCC unroll 8
        for (int v = 0; v < Vectors; ++v) acc[p][v] = V::dot(acc[p][v], x, w[v]);
      }
    }
  }
}

/// Writes a tile of `count` pixels by `valid` of `width` channels.
inline void store_tile(const float* tile, int64_t width, int64_t count, int64_t valid, float* out,
                       const ptrdiff_t* offsets) {
  for (int64_t p = 0; p < count; ++p) {
    copy(reinterpret_cast<float*>(reinterpret_cast<char*>(out) + offsets[p]), tile + p * width, valid);
  }
}

template <int Pixels, int Vectors>
void conv_u8_pass(const ConvU8& conv, int64_t begin, int64_t end, int64_t channel, const int8_t* weights) {
  constexpr int kWidth = Vectors * V::kLanes;
  const int64_t valid = least(kWidth, conv.shape.channels - channel);
  const F low = V::set(static_cast<float>(conv.low - conv.zero_point));
  const F high = V::set(static_cast<float>(conv.high - conv.zero_point));
  const I zero_point = V::set_i(conv.zero_point);
  Windows<uint8_t> walk(conv.shape, conv.input, begin);
  for (int64_t pixel = begin; pixel < end; pixel += Pixels) {
    const int64_t count = least(Pixels, end - pixel);
    const uint8_t* windows[Pixels];
    ptrdiff_t outputs[Pixels];
    walk.next(count, Pixels, windows, outputs);
    typename V::Acc acc[Pixels][Vectors];
    accumulate_u8<Pixels, Vectors>(conv.shape, windows, weights, acc);
    I bias[Vectors];
    F multiplier[Vectors];
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) {
      bias[v] = V::load_i(conv.bias + channel + v * V::kLanes);
      multiplier[v] = V::load(conv.multiplier + channel + v * V::kLanes);
    }
    if (conv.out_u8 != nullptr) {
      alignas(64) uint8_t tile[(Pixels * kWidth + 63) / 64 * 64];
#pragma GCC unroll 8
      for (int p = 0; p < Pixels; ++p) {
#pragma GCC unroll 8
        for (int v = 0; v < Vectors; ++v) {
          const F value = V::mul(V::to_float(V::add_i(V::finish(acc[p][v]), bias[v])), multiplier[v]);
          V::narrow(tile + p * kWidth + v * V::kLanes, to_steps(value, low, high, zero_point));
        }
      }
      if (conv.table != nullptr) V::lookup(tile, sizeof(tile), conv.table);
      uint8_t* out = conv.out_u8 + channel;
      if (valid == kWidth) {
        for (int64_t p = 0; p < count; ++p) __builtin_memcpy(out + outputs[p], tile + p * kWidth, kWidth);
      } else {
        for (int64_t p = 0; p < count; ++p) copy(out + outputs[p], tile + p * kWidth, valid);
      }
    } else {
      alignas(64) float tile[Pixels * kWidth];
#pragma GCC unroll 8
      for (int p = 0; p < Pixels; ++p) {
#pragma GCC unroll 8
        for (int v = 0; v < Vectors; ++v) {
          const F value = V::mul(V::to_float(V::add_i(V::finish(acc[p][v]), bias[v])), multiplier[v]);
          V::store(tile + p * kWidth + v * V::kLanes, activate(value, conv.activation));
        }
      }
      store_tile(tile, kWidth, count, valid, conv.out_f32 + channel, outputs);
    }
  }
}

template <int Pixels, int Vectors>
void conv_f32_pass(const ConvF32& conv, int64_t begin, int64_t end, int64_t channel, const float* weights) {
  constexpr int kWidth = Vectors * V::kLanes;
  const ConvShape& shape = conv.shape;
  const int64_t valid = least(kWidth, shape.channels - channel);
  Windows<float> walk(shape, conv.input, begin);
  for (int64_t pixel = begin; pixel < end; pixel += Pixels) {
    const int64_t count = least(Pixels, end - pixel);
    const float* windows[Pixels];
    ptrdiff_t outputs[Pixels];
    walk.next(count, Pixels, windows, outputs);
    F acc[Pixels][Vectors];
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) {
      const F bias = V::load(conv.bias + channel + v * V::kLanes);
#pragma GCC unroll 8
      for (int p = 0; p < Pixels; ++p) acc[p][v] = bias;
    }
    const float* next_weights = weights;
    for (int64_t t = 0; t < shape.tap_count; ++t) {
      const float* at[Pixels];
#pragma GCC unroll 8
      for (int p = 0; p < Pixels; ++p) {
        at[p] = reinterpret_cast<const float*>(reinterpret_cast<const char*>(windows[p]) + shape.taps[t]);
      }
      for (int64_t k = 0; k < shape.run; ++k) {
        F w[Vectors];
#pragma GCC unroll 8
        for (int v = 0; v < Vectors; ++v) w[v] = V::load(next_weights + v * V::kLanes);
        next_weights += kWidth;
#pragma GCC unroll 8
        for (int p = 0; p < Pixels; ++p) {
          const F x = V::set(at[p][k]);
#pragma GCC unroll 8
          for (int v = 0; v < Vectors; ++v) acc[p][v] = V::fma(x, w[v], acc[p][v]);
        }
      }
    }
    alignas(64) float tile[Pixels * kWidth];
#pragma GCC unroll 8
    for (int p = 0; p < Pixels; ++p) {
#pragma GCC unroll 8
      for (int v = 0; v < Vectors; ++v) V::store(tile + p * kWidth + v * V::kLanes, acc[p][v]);
    }
    if (conv.activation != graph::Activation::none) {
      for (int64_t i = 0; i < count * kWidth; i += V::kLanes) {
        V::store(tile + i, activate(V::load(tile + i), conv.activation));
      }
    }
    store_tile(tile, kWidth, count, valid, conv.output + channel, outputs);
  }
}

void conv_u8(const ConvU8& conv, int64_t begin, int64_t end) {
  const int64_t total = (conv.shape.channels + V::kLanes - 1) / V::kLanes;
  const int64_t passes = pass_count(total, V::kU8Vectors), depth = conv.shape.tap_count * conv.shape.run;
  for (int64_t i = 0; i < passes; ++i) {
    const int64_t first = pass_begin(total, passes, i), vectors = pass_begin(total, passes, i + 1) - first;
    const int8_t* weights = conv.weights + first * depth * V::kLanes * 4;
    const int64_t channel = first * V::kLanes;
    switch (vectors) {
      case 1: conv_u8_pass<V::kU8Pixels[0], 1>(conv, begin, end, channel, weights); break;
      case 2: conv_u8_pass<V::kU8Pixels[1], 2>(conv, begin, end, channel, weights); break;
      case 3: conv_u8_pass<V::kU8Pixels[2], 3>(conv, begin, end, channel, weights); break;
      default: conv_u8_pass<V::kU8Pixels[3], 4>(conv, begin, end, channel, weights); break;
    }
  }
}

void conv_f32(const ConvF32& conv, int64_t begin, int64_t end) {
  const int64_t total = (conv.shape.channels + V::kLanes - 1) / V::kLanes;
  const int64_t passes = pass_count(total, V::kF32Vectors), depth = conv.shape.tap_count * conv.shape.run;
  for (int64_t i = 0; i < passes; ++i) {
    const int64_t first = pass_begin(total, passes, i), vectors = pass_begin(total, passes, i + 1) - first;
    const float* weights = conv.weights + first * depth * V::kLanes;
    const int64_t channel = first * V::kLanes;
    switch (vectors) {
      case 1: conv_f32_pass<V::kF32Pixels[0], 1>(conv, begin, end, channel, weights); break;
      case 2: conv_f32_pass<V::kF32Pixels[1], 2>(conv, begin, end, channel, weights); break;
      case 3: conv_f32_pass<V::kF32Pixels[2], 3>(conv, begin, end, channel, weights); break;
      default: conv_f32_pass<V::kF32Pixels[3], 4>(conv, begin, end, channel, weights); break;
    }
  }
}

// --- value by value --------------------------------------------------------------------------------------------------

template <typename T>
inline bool dense(const Plane<T>& plane) {
  return plane.pixel_step == plane.channels;
}
template <typename T>
inline T* pixel_of(const Plane<T>& plane, int64_t y, int64_t x) {
  return plane.data + y * plane.row_step + x * plane.pixel_step;
}

/// Calls each(in values, out values, count) for every run of consecutive values of rows [begin, end).
template <typename A, typename B, typename Each>
inline void runs(const Plane<A>& in, const Plane<B>& out, int64_t begin, int64_t end, const Each& each) {
  const bool whole = dense(in) && dense(out);
  const int64_t count = whole ? out.width * out.channels : out.channels;
  for (int64_t y = begin; y < end; ++y) {
    for (int64_t x = 0; x < (whole ? 1 : out.width); ++x) each(pixel_of(in, y, x), pixel_of(out, y, x), count);
  }
}
template <typename A, typename B, typename Each>
inline void runs(const Plane<A>& a, const Plane<A>& b, const Plane<B>& out, int64_t begin, int64_t end,
                 const Each& each) {
  const bool whole = dense(a) && dense(b) && dense(out);
  const int64_t count = whole ? out.width * out.channels : out.channels;
  for (int64_t y = begin; y < end; ++y) {
    for (int64_t x = 0; x < (whole ? 1 : out.width); ++x) {
      each(pixel_of(a, y, x), pixel_of(b, y, x), pixel_of(out, y, x), count);
    }
  }
}

/// out[i] = step(in[i]) in vectors: `step` reads at a T pointer and writes kLanes values at another. The rest that fills
/// no vector goes through a buffer.
template <typename A, typename B, typename Step>
inline void vectors(const A* in, B* out, int64_t count, const Step& step) {
  int64_t i = 0;
  for (; i + V::kLanes <= count; i += V::kLanes) step(in + i, out + i);
  if (i == count) return;
  A from[V::kLanes] = {};
  B to[V::kLanes];
  copy(from, in + i, count - i);
  step(from, to);
  copy(out + i, to, count - i);
}
template <typename A, typename B, typename Step>
inline void vectors(const A* a, const A* b, B* out, int64_t count, const Step& step) {
  int64_t i = 0;
  for (; i + V::kLanes <= count; i += V::kLanes) step(a + i, b + i, out + i);
  if (i == count) return;
  A first[V::kLanes] = {}, second[V::kLanes] = {};
  B to[V::kLanes];
  copy(first, a + i, count - i);
  copy(second, b + i, count - i);
  step(first, second, to);
  copy(out + i, to, count - i);
}

void table(const uint8_t* entries, Plane<const uint8_t> in, Plane<uint8_t> out, int64_t begin, int64_t end) {
  runs(in, out, begin, end, [&](const uint8_t* from, uint8_t* to, int64_t count) {
    alignas(64) uint8_t block[64] = {};
    int64_t i = 0;
    for (; i < count; i += 64) {
      const int64_t size = least(64, count - i);
      copy(block, from + i, size);
      V::lookup(block, 64, entries);
      copy(to + i, block, size);
    }
  });
}

void add_u8(const AddU8& add, Plane<const uint8_t> a, Plane<const uint8_t> b, Plane<uint8_t> out, int64_t begin,
            int64_t end) {
  const I zero_a = V::set_i(-add.zero_a), zero_b = V::set_i(-add.zero_b), zero_point = V::set_i(add.zero_point);
  const F scale_a = V::set(add.scale_a), scale_b = V::set(add.scale_b);
  const F low = V::set(static_cast<float>(add.low - add.zero_point));
  const F high = V::set(static_cast<float>(add.high - add.zero_point));
  runs(a, b, out, begin, end, [&](const uint8_t* first, const uint8_t* second, uint8_t* to, int64_t count) {
    vectors(first, second, to, count, [&](const uint8_t* x, const uint8_t* y, uint8_t* q) {
      const F left = V::mul(V::to_float(V::add_i(V::widen(x), zero_a)), scale_a);
      const F right = V::mul(V::to_float(V::add_i(V::widen(y), zero_b)), scale_b);
      V::narrow(q, to_steps(V::add(left, right), low, high, zero_point));
    });
  });
}

void add_f32(Plane<const float> a, Plane<const float> b, Plane<float> out, graph::Activation activation, int64_t begin,
             int64_t end) {
  runs(a, b, out, begin, end, [&](const float* first, const float* second, float* to, int64_t count) {
    vectors(first, second, to, count, [&](const float* x, const float* y, float* sum) {
      V::store(sum, activate(V::add(V::load(x), V::load(y)), activation));
    });
  });
}

void mul_f32(Plane<const float> a, Plane<const float> b, Plane<float> out, int64_t begin, int64_t end) {
  runs(a, b, out, begin, end, [&](const float* first, const float* second, float* to, int64_t count) {
    vectors(first, second, to, count, [&](const float* x, const float* y, float* product) {
      V::store(product, V::mul(V::load(x), V::load(y)));
    });
  });
}

void unary_f32(Unary op, Plane<const float> in, Plane<float> out, int64_t begin, int64_t end) {
  runs(in, out, begin, end, [&](const float* from, float* to, int64_t count) {
    vectors(from, to, count, [&](const float* x, float* y) {
      const F value = V::load(x);
      V::store(y, op == Unary::silu ? silu(value) : op == Unary::sigmoid ? sigmoid(value) : relu(value));
    });
  });
}

void quantize(const Affine& affine, Plane<const float> in, Plane<uint8_t> out, int64_t begin, int64_t end) {
  const F scale = V::set(affine.scale), low = V::set(static_cast<float>(affine.low - affine.zero_point));
  const F high = V::set(static_cast<float>(affine.high - affine.zero_point));
  const I zero_point = V::set_i(affine.zero_point);
  runs(in, out, begin, end, [&](const float* from, uint8_t* to, int64_t count) {
    vectors(from, to, count, [&](const float* x, uint8_t* q) {
      V::narrow(q, to_steps(V::div(V::load(x), scale), low, high, zero_point));
    });
  });
}

void dequantize(const Affine& affine, Plane<const uint8_t> in, Plane<float> out, int64_t begin, int64_t end) {
  const F scale = V::set(affine.scale);
  const I zero_point = V::set_i(-affine.zero_point);
  runs(in, out, begin, end, [&](const uint8_t* from, float* to, int64_t count) {
    vectors(from, to, count, [&](const uint8_t* q, float* x) {
      V::store(x, V::mul(V::to_float(V::add_i(V::widen(q), zero_point)), scale));
    });
  });
}

template <typename T>
inline void raise(T* best, const T* other, int64_t count) {
  for (int64_t i = 0; i < count; ++i) best[i] = best[i] > other[i] ? best[i] : other[i];
}

/// The window is cut at the value's edge: what lies outside is less than everything. Columns first, then rows, which
/// takes kernel_h + kernel_w comparisons a value.
template <typename T>
void max_pool(const graph::PoolAttributes& pool, Plane<const T> in, Plane<T> out, int64_t begin, int64_t end) {
  for (int64_t y = begin; y < end; ++y) {
    const int64_t top = y * pool.stride[0] - pool.padding[0];
    const int64_t first_row = greatest(top, 0), last_row = least(top + pool.kernel[0], in.height);
    for (int64_t x = 0; x < out.width; ++x) {
      const int64_t left = x * pool.stride[1] - pool.padding[1];
      const int64_t first_column = greatest(left, 0), last_column = least(left + pool.kernel[1], in.width);
      T* best = pixel_of(out, y, x);
      copy(best, pixel_of(in, first_row, first_column), out.channels);
      for (int64_t row = first_row; row < last_row; ++row) {
        for (int64_t column = first_column; column < last_column; ++column) {
          raise(best, pixel_of(in, row, column), out.channels);
        }
      }
    }
  }
}

void max_pool_u8(const graph::PoolAttributes& pool, Plane<const uint8_t> in, Plane<uint8_t> out, int64_t begin,
                 int64_t end) {
  max_pool(pool, in, out, begin, end);
}
void max_pool_f32(const graph::PoolAttributes& pool, Plane<const float> in, Plane<float> out, int64_t begin,
                  int64_t end) {
  max_pool(pool, in, out, begin, end);
}

void to_planar(const float* in, int64_t pixels, int64_t channels, int64_t pixel_step, float* out, int64_t plane) {
  constexpr int64_t kBlock = 16;  // a cache line of a plane is written at once
  for (int64_t p0 = 0; p0 < pixels; p0 += kBlock) {
    const int64_t p1 = least(p0 + kBlock, pixels);
    for (int64_t c = 0; c < channels; ++c) {
      float* to = out + c * plane;
      const float* from = in + c;
      for (int64_t p = p0; p < p1; ++p) to[p] = from[p * pixel_step];
    }
  }
}

// --- peak ------------------------------------------------------------------------------------------------------------

/// So many independent sums hide the latency of a multiplication.
constexpr int kSums = 8;

int64_t burn_u8(int64_t rounds) {
  alignas(64) int8_t weights[V::kLanes * 4];
  for (int i = 0; i < V::kLanes * 4; ++i) weights[i] = static_cast<int8_t>(i);
  const typename V::W w = V::load_weights(weights);
  // Different values: equal sums would be computed once.
  typename V::X x[kSums];
  typename V::Acc acc[kSums];
#pragma GCC unroll 8
  for (int i = 0; i < kSums; ++i) {
    const uint8_t quad[4] = {static_cast<uint8_t>(i), 2, 3, 4};
    x[i] = V::load_quad(quad);
    acc[i] = V::zero();
  }
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 8
    for (int i = 0; i < kSums; ++i) acc[i] = V::dot(acc[i], x[i], w);
    asm volatile("" ::: "memory");
  }
  I sum = V::set_i(0);
#pragma GCC unroll 8
  for (int i = 0; i < kSums; ++i) sum = V::add_i(sum, V::finish(acc[i]));
  alignas(64) uint8_t sink[V::kLanes];
  V::narrow(sink, sum);
  volatile uint8_t used = sink[0];
  (void)used;
  return rounds * kSums * V::kLanes * 4;
}

int64_t burn_f32(int64_t rounds) {
  const float values[V::kLanes] = {};
  const F w = V::load(values), x = V::set(0.5f);
  F acc[kSums];
#pragma GCC unroll 8
  for (int i = 0; i < kSums; ++i) acc[i] = V::set(static_cast<float>(i));
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 8
    for (int i = 0; i < kSums; ++i) acc[i] = V::fma(x, w, acc[i]);
    asm volatile("" ::: "memory");
  }
  alignas(64) float sink[V::kLanes];
  F sum = acc[0];
#pragma GCC unroll 8
  for (int i = 1; i < kSums; ++i) sum = V::add(sum, acc[i]);
  V::store(sink, sum);
  volatile float used = sink[0];
  (void)used;
  return rounds * kSums * V::kLanes;
}

constexpr Kernels make_kernels(Isa isa) {
  Kernels k;
  k.isa = isa;
  k.lanes = V::kLanes;
  k.u8_vectors = V::kU8Vectors;
  k.f32_vectors = V::kF32Vectors;
  k.u8_offset = V::kOffset;
  k.conv_u8 = conv_u8;
  k.conv_f32 = conv_f32;
  k.table = table;
  k.add_u8 = add_u8;
  k.add_f32 = add_f32;
  k.mul_f32 = mul_f32;
  k.unary_f32 = unary_f32;
  k.quantize = quantize;
  k.dequantize = dequantize;
  k.max_pool_u8 = max_pool_u8;
  k.max_pool_f32 = max_pool_f32;
  k.burn_u8 = burn_u8;
  k.burn_f32 = burn_f32;
  k.to_planar = to_planar;
  return k;
}
