#pragma once

#include <cstdint>
#include <type_traits>

namespace quench::nn::kernels {

/// Instruction sets that the kernels are compiled for. `baseline` is what the compiler targets by default.
enum class Isa { baseline, avx2, avx512, avx512_bf16 };
const char* to_string(Isa isa);
/// Whether this build has the path and this processor can run it.
bool supported(Isa isa);
/// The widest supported one.
Isa best_isa();

/// Number of floats that norm kernels take at a time; `width` is a multiple of it.
inline constexpr int64_t kBlock = 64;

/// Per-channel affine map of a normalization: z = (x - mean) * slope + offset. Arrays of `width` floats.
struct AffineMap {
  const float* mean;
  const float* slope;
  const float* offset;
};

/// A bfloat16: the upper half of a float32.
struct Bf16 {
  uint16_t bits;
};

/// Serial inner loops over dense rows of `width` values (a multiple of kBlock), float32 or bfloat16; they compute in
/// float32. `silu` chooses y = z * sigmoid(z) over y = z. Sums are added to, in float32: call them on blocks of a few
/// hundred rows and add those up in double.
template <typename Value>
struct NormTable {
  /// first += sum(x - shift), second += sum((x - shift)^2), per column.
  void (*moments)(const Value* x, int64_t rows, int64_t width, const float* shift, float* first, float* second);
  /// y = act(z). y may be x.
  void (*forward)(const Value* x, Value* y, int64_t rows, int64_t width, AffineMap map, bool silu);
  /// With dz = dy * act'(z): first += sum(dz), second += sum(dz * (x - mean)), per column. dz is stored where it is not
  /// null; it may be dy.
  void (*sums)(const Value* x, const Value* dy, Value* dz, int64_t rows, int64_t width, AffineMap map, bool silu,
               float* first, float* second);
  /// dx = slope * dz - constant - (x - mean) * linear. dx may be x or dz.
  void (*backward)(const Value* x, const Value* dz, Value* dx, int64_t rows, int64_t width, AffineMap map,
                   const float* constant, const float* linear);
};

/// All kernels of an instruction set; but for `norm_bf16`, of float32.
struct Table {
  NormTable<float> norm;
  NormTable<Bf16> norm_bf16;
  /// y = x * sigmoid(x); dx = dy * silu'(x). Any count; in place allowed.
  void (*silu_forward)(const float* x, float* y, int64_t count);
  void (*silu_backward)(const float* x, const float* dy, float* dx, int64_t count);
  /// SiLU as the native engine has it between a convolution's sum and bytes (runtime/native/silu_terms.h). In place
  /// allowed.
  void (*engine_silu)(const float* x, float* y, int64_t count);
  /// y = scale * round_half_even(clamp(x / scale, low, high)); low and high are integers.
  void (*fake_quant_forward)(const float* x, float* y, int64_t count, float scale, float low, float high);
  /// dx = dy where low <= x / scale <= high, else 0. Returns sum(dy * slope) for the scale: slope = round(v) - v
  /// inside, the bound outside (LSQ), v = x / scale; 0 where not wanted.
  double (*fake_quant_backward)(const float* x, const float* dy, float* dx, int64_t count, float scale, float low,
                                float high, bool want_scale);
  /// Nesterov or plain momentum: g += decay * w; m = momentum * m + g; w -= rate * (nesterov ? g + momentum * m : m).
  void (*sgd)(float* weight, const float* gradient, float* velocity, int64_t count, float rate, float momentum,
              float decay, bool nesterov);
  /// average += (value - average) * share.
  void (*average)(float* average, const float* value, int64_t count, float share);

  template <typename Value>
  const NormTable<Value>& norm_of() const {
    if constexpr (std::is_same_v<Value, float>) {
      return norm;
    } else {
      return norm_bf16;
    }
  }
};

/// The kernels of an instruction set. Throws Error{unsupported} where it cannot run here.
const Table& table(Isa isa);

namespace detail {
extern const Table kBaselineTable;
#if defined(QUENCH_X86_KERNELS)
extern const Table kAvx2Table;
extern const Table kAvx512Table;
extern const Table kAvx512Bf16Table;
#endif
}  // namespace detail

}  // namespace quench::nn::kernels
