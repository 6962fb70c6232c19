#include "train/optimizers/precision.h"

#include <ATen/autocast_mode.h>
#include <torch/utils.h>
#include <torch/version.h>

#include "core/error.h"

namespace quench::train {
namespace {

constexpr int64_t kGrowEvery = 2000;
constexpr double kSmallestScale = 1.0 / 1048576;
constexpr double kLargestScale = 16777216;

void switch_autocast(bool on, at::ScalarType type) {
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
  at::autocast::set_autocast_dtype(at::kCUDA, type);
  at::autocast::set_autocast_enabled(at::kCUDA, on);
#else
  at::autocast::set_autocast_gpu_dtype(type);
  at::autocast::set_enabled(on);
#endif
}

}  // namespace

bool has_bf16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

bool bf16_on_cpu(const std::string& precision, const torch::Device& device, bool processor_has_bf16) {
  if (precision != "bf16" || !device.is_cpu()) return false;
  if (!processor_has_bf16) {
    fail(
        ErrorKind::unsupported,
        "[train.precision] bf16 asked for, but this processor has neither AVX512-BF16 nor AMX: it would be slower than "
        "`precision: fp32`");
  }
  return true;
}

Autocast::Autocast(const std::string& precision, const torch::Device& device)
    : on_(precision != "fp32" && device.is_cuda()) {
  if (on_) switch_autocast(true, precision == "bf16" ? at::kBFloat16 : at::kHalf);
}

Autocast::~Autocast() {
  if (!on_) return;
  at::autocast::clear_cache();
  switch_autocast(false, at::kHalf);
}

void LossScale::restore(double scale, int64_t good_steps) {
  if (scale > 0) scale_ = scale;
  good_steps_ = good_steps;
}

bool LossScale::unscale(const std::vector<torch::Tensor>& gradients) {
  if (!on_ || gradients.empty()) return true;
  const torch::NoGradGuard no_grad;
  bool finite = true;
  if (gradients.front().is_cuda()) {
    const auto options = gradients.front().options().dtype(at::kFloat);
    torch::Tensor found = at::zeros({1}, options);
    const torch::Tensor inverse = at::full({1}, 1.0 / scale_, options);
    at::_amp_foreach_non_finite_check_and_unscale_(gradients, found, inverse);
    finite = found.item<float>() == 0;
  } else {
    for (torch::Tensor gradient : gradients) {
      gradient.mul_(1.0 / scale_);
      finite = finite && gradient.isfinite().all().item<bool>();
    }
  }
  if (!finite) {
    scale_ = std::max(kSmallestScale, scale_ / 2);
    good_steps_ = 0;
  } else if (++good_steps_ == kGrowEvery) {
    scale_ = std::min(kLargestScale, scale_ * 2);
    good_steps_ = 0;
  }
  return finite;
}

}  // namespace quench::train
