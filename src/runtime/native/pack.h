#pragma once

#include <vector>

#include "runtime/native/kernels.h"
#include "runtime/native/program.h"

namespace quench::runtime::native {

/// Memory on a 64-byte boundary.
template <typename T>
class Aligned {
 public:
  Aligned() = default;
  explicit Aligned(int64_t size) : bytes_(DType::u8, {size * static_cast<int64_t>(sizeof(T))}), size_(size) {
    data_ = reinterpret_cast<T*>(bytes_.mutable_bytes());
  }
  T* data() { return data_; }
  const T* data() const { return data_; }
  int64_t size() const { return size_; }
  T& operator[](int64_t i) { return data_[i]; }

 private:
  Tensor bytes_;
  T* data_ = nullptr;
  int64_t size_ = 0;
};

/// Channels in whole vectors.
constexpr int64_t padded(int64_t channels, int64_t lanes) { return (channels + lanes - 1) / lanes * lanes; }

/// How a convolution walks its window: `taps` runs of `run` consecutive values. A row of the window is one run where
/// its pixels lie side by side, else each pixel is one.
struct Walk {
  int64_t taps = 0, run = 0;
  bool whole_rows = false;
};
/// adjacent: the input's pixels have no other channels between them.
Walk walk_of(const graph::ConvAttributes& conv, int64_t group_channels, bool adjacent);

/// One group's weights in the order that a kernel reads them: for each pass (kernels.h), each tap, each step of the run
/// (of 4 values u8, of 1 value f32): vectors x lanes of output channels (x 4 values). What is missing is 0.
struct PackedU8 {
  using Weight = int8_t;
  Aligned<int8_t> weights;
  Aligned<int16_t> wide;  ///< conv_w16, in place of `weights`
  Aligned<int32_t> bias;  ///< with both zero points: of the input, and of the kernel's own offset
  Aligned<float> multiplier;
  Aligned<int32_t> dyadic, shift;  ///< in its place where the layer is dyadic, else empty
  Walk walk;                       ///< run counts groups of 4
  /// Of a dynamic input, whose bias and multiplier are found as the program runs (set_range): the layer's own bias,
  /// else empty, the sum of each channel's weights, and their scales.
  Aligned<float> offset;
  std::vector<int32_t> sums;
  std::vector<float> weight_scale;
};
struct PackedF32 {
  using Weight = float;
  Aligned<float> weights;
  Aligned<float> bias;
  Walk walk;
};

/// weight i8 [O, I/groups, kh, kw]; the group's output channels are [first, first + count). Throws Error{unsupported}
/// for factors that dyadic_of refuses.
PackedU8 pack_u8(const Instruction& layer, const Value& in, const Value& out, const Kernels& kernels, int64_t first,
                 int64_t count, bool adjacent);
/// A conv_w16: for each pass, each shorts_a_dot input channels, each output channel, those of its weights.
PackedU8 pack_wide(const Instruction& layer, const Value& in, const Kernels& kernels);
/// Gives a layer of dynamic input the range of the image at hand.
void set_range(PackedU8& packed, const Step8& in, int32_t u8_offset);
PackedF32 pack_f32(const Instruction& layer, const Kernels& kernels, int64_t first, int64_t count, bool adjacent);

}  // namespace quench::runtime::native
