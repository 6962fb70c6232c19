#include "train/loop/device.h"

#include <ATen/Context.h>
#include <torch/cuda.h>

#include <charconv>

#include "core/error.h"

namespace quench::train {

torch::Device open_device(const std::string& text) {
  if (text == "cpu") return torch::kCPU;
  int index = 0;
  const std::string digits = text.starts_with("cuda:") ? text.substr(5) : "0";
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  if (!(text == "cuda" || text.starts_with("cuda:")) || error != std::errc() || index < 0 ||
      end != digits.data() + digits.size()) {
    fail(ErrorKind::config, "[train.device] expected cpu, cuda or cuda:N, got '{}'", text);
  }
  if (!at::hasCUDA()) {
    fail(ErrorKind::unsupported, "[train.device] {} asked for, but LibTorch finds no CUDA (a CPU build, or no driver)",
         text);
  }
  const auto count = static_cast<int>(torch::cuda::device_count());
  if (index >= count) {
    fail(ErrorKind::unsupported, "[train.device] {} asked for, but there are {} CUDA devices", text, count);
  }
  return {torch::kCUDA, static_cast<c10::DeviceIndex>(index)};
}

}  // namespace quench::train
