#include "runtime/native/kernels.h"
#include "runtime/native/kernels_of.h"

namespace quench::runtime::native {
namespace {

/// Four values in plain C++: the compiler may use what the base instruction set has.
struct V {
  static constexpr int kLanes = 4, kU8Vectors = 2, kF32Vectors = 2;
  static constexpr int kU8Pixels[4] = {2, 2, 2, 2}, kF32Pixels[4] = {2, 2, 2, 2};
  static constexpr int32_t kOffset = 0;
  static constexpr int kQuads = 1;
  static constexpr bool kPairs = false;
  static constexpr int32_t kNarrowStep = 0;
  static constexpr int64_t kNarrowLeast = 1;
  static constexpr int32_t kPairLimit = 0;
  static constexpr int kShorts = 0;
  struct F {
    float at[kLanes];
  };
  struct I {
    int32_t at[kLanes];
  };
  struct W {
    const int8_t* at;
  };
  using Raw = W;
  struct X {
    int32_t at[4];
  };
  using Acc = I;

  template <typename R, typename Each>
  static R each(const Each& value) {
    R out;
    for (int i = 0; i < kLanes; ++i) out.at[i] = value(i);
    return out;
  }

  static F load(const float* p) {
    return each<F>([&](int i) { return p[i]; });
  }
  static void store(float* p, const F& x) { __builtin_memcpy(p, x.at, sizeof(x.at)); }
  static F set(float x) {
    return each<F>([&](int) { return x; });
  }
  static F fma(const F& a, const F& b, const F& c) {
    return each<F>([&](int i) { return __builtin_fmaf(a.at[i], b.at[i], c.at[i]); });
  }
  static F mul(const F& a, const F& b) {
    return each<F>([&](int i) { return a.at[i] * b.at[i]; });
  }
  static F add(const F& a, const F& b) {
    return each<F>([&](int i) { return a.at[i] + b.at[i]; });
  }
  static F sub(const F& a, const F& b) {
    return each<F>([&](int i) { return a.at[i] - b.at[i]; });
  }
  static F div(const F& a, const F& b) {
    return each<F>([&](int i) { return a.at[i] / b.at[i]; });
  }
  static F max(const F& a, const F& b) {
    return each<F>([&](int i) { return a.at[i] > b.at[i] ? a.at[i] : b.at[i]; });
  }
  static F min(const F& a, const F& b) {
    return each<F>([&](int i) { return a.at[i] < b.at[i] ? a.at[i] : b.at[i]; });
  }
  static I load_i(const int32_t* p) {
    return each<I>([&](int i) { return p[i]; });
  }
  static I set_i(int32_t x) {
    return each<I>([&](int) { return x; });
  }
  static I add_i(const I& a, const I& b) {
    return each<I>([&](int i) { return a.at[i] + b.at[i]; });
  }
  static void store_i(int32_t* p, const I& x) { __builtin_memcpy(p, x.at, sizeof(x.at)); }
  static I min_i(const I& a, const I& b) {
    return each<I>([&](int i) { return a.at[i] < b.at[i] ? a.at[i] : b.at[i]; });
  }
  static I max_i(const I& a, const I& b) {
    return each<I>([&](int i) { return a.at[i] > b.at[i] ? a.at[i] : b.at[i]; });
  }
  static I mul_i(const I& a, const I& b) {
    return each<I>([&](int i) { return a.at[i] * b.at[i]; });
  }
  static I shift_right(const I& x, int32_t by) {
    return each<I>([&](int i) { return x.at[i] >> by; });
  }
  struct Dyadic {
    I multiplier, shift;
  };
  static Dyadic load_dyadic(const int32_t* multiplier, const int32_t* shift) {
    return {load_i(multiplier), load_i(shift)};
  }
  static I times(const I& x, const Dyadic& d) {
    return each<I>([&](int i) {
      const int64_t half = int64_t{1} << (d.shift.at[i] - 1);
      return static_cast<int32_t>((int64_t{x.at[i]} * d.multiplier.at[i] + half) >> d.shift.at[i]);
    });
  }
  static F to_float(const I& x) {
    return each<F>([&](int i) { return static_cast<float>(x.at[i]); });
  }
  /// In the default rounding mode: to the nearest, halves to even.
  static I round(const F& x) {
    return each<I>([&](int i) { return static_cast<int32_t>(__builtin_nearbyintf(x.at[i])); });
  }
  static F power_of_two(const I& n) {
    return each<F>([&](int i) {
      const int32_t bits = (n.at[i] + 127) << 23;
      float value;
      __builtin_memcpy(&value, &bits, sizeof(value));
      return value;
    });
  }
  static I widen(const uint8_t* p) {
    return each<I>([&](int i) { return static_cast<int32_t>(p[i]); });
  }
  static I widen_w(const int16_t* p) {
    return each<I>([&](int i) { return static_cast<int32_t>(p[i]); });
  }
  static void narrow(uint8_t* p, const I& x) {
    for (int i = 0; i < kLanes; ++i) p[i] = static_cast<uint8_t>(x.at[i]);
  }

  static void transpose(F (&x)[kLanes]) {
    for (int i = 0; i < kLanes; ++i) {
      for (int j = 0; j < i; ++j) {
        const float other = x[i].at[j];
        x[i].at[j] = x[j].at[i];
        x[j].at[i] = other;
      }
    }
  }

  static Acc zero() { return set_i(0); }
  static Raw load_raw(const int8_t* p) { return {p}; }
  static W spread_weights(Raw raw) { return raw; }
  static X load_quad(const uint8_t* p) { return {{p[0], p[1], p[2], p[3]}}; }
  static Acc dot(const Acc& acc, const X& x, const W& w) {
    return each<I>([&](int i) {
      const int8_t* quad = w.at + 4 * i;
      return acc.at[i] + x.at[0] * quad[0] + x.at[1] * quad[1] + x.at[2] * quad[2] + x.at[3] * quad[3];
    });
  }
  static I finish(const Acc& acc) { return acc; }
  /// The compiler must take the value for another one from here on, at no cost: nothing computed from it is shared or
  /// moved out of a loop.
  static void renew(X& x) { asm volatile("" : "+m"(x)); }
  /// Sums stay where the compiler keeps them: their operands are renewed.
  static void renew(I&) {}
  static void renew(F&) {}

  static void lookup(uint8_t* data, int64_t size, const uint8_t* table) {
    for (int64_t i = 0; i < size; ++i) data[i] = table[data[i]];
  }
};

#include "runtime/native/kernel_body.inc"

}  // namespace

extern const Kernels kPlainKernels = make_kernels(Isa::plain);

}  // namespace quench::runtime::native
