#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace quench::train {

/// Whether this processor multiplies bfloat16 (AVX512-BF16; every one with AMX has it, too).
bool has_bf16();

/// What convolutions run in on the CPU is the module's business (nn::ModuleOptions::bf16): true where `precision` is
/// bf16 and the device is the CPU. Throws Error{unsupported} where the processor has no such instructions.
bool bf16_on_cpu(const std::string& precision, const torch::Device& device, bool processor_has_bf16 = has_bf16());

/// While alive: CUDA operations of this thread run in float16 or bfloat16, as `precision` says, where that is safe
/// (autocast, mixed precision of Micikevicius et al. 2018). On the CPU, and with fp32, it does nothing.
class Autocast {
 public:
  Autocast(const std::string& precision, const torch::Device& device);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  bool on_;
};

/// Dynamic loss scale (Micikevicius et al. 2018, section 3.2): float16 gradients underflow unless the loss is large.
/// Halved where a gradient overflowed (that step is skipped), doubled after 2000 good steps.
class LossScale {
 public:
  explicit LossScale(bool on) : on_(on) {}
  bool on() const { return on_; }
  double scale() const { return on_ ? scale_ : 1.0; }
  int64_t good_steps() const { return good_steps_; }
  void restore(double scale, int64_t good_steps);

  /// Divides the gradients by the scale, in place, and adapts it. False: a gradient is not finite; skip the step.
  bool unscale(const std::vector<torch::Tensor>& gradients);

 private:
  bool on_;
  double scale_ = 65536;
  int64_t good_steps_ = 0;
};

}  // namespace quench::train
