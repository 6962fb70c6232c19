#pragma once

#include <torch/types.h>

#include <map>
#include <string>
#include <vector>

namespace quench::train {

/// Exponential moving average of weights (Polyak & Juditsky 1992), of parameters and batch-norm statistics alike.
/// After step t = 1, 2, ...: average = d(t) * average + (1 - d(t)) * value with d(t) = decay * (1 - exp(-t / 2000)),
/// the ramp that YOLOv5 trains with, so that the first steps do not linger in the average.
class Ema {
 public:
  /// Starts from copies of the values; keeps the tensors themselves and reads them at every update.
  Ema(std::map<std::string, torch::Tensor> values, double decay);

  /// One step. On the CPU in one threaded pass.
  void update();
  /// Decay at step t.
  double decay_at(int64_t step) const;

  int64_t steps() const { return steps_; }
  void set_steps(int64_t steps) { steps_ = steps; }
  /// The averages by name, to read, and to copy a checkpoint into.
  const std::map<std::string, torch::Tensor>& averages() const { return averages_; }

 private:
  std::map<std::string, torch::Tensor> values_;
  std::map<std::string, torch::Tensor> averages_;
  double decay_;
  int64_t steps_ = 0;
};

/// Copies every value over the tensor of the same name (device and memory format of the target stay).
/// Throws Error{internal} where the names or shapes differ.
void copy_values(const std::map<std::string, torch::Tensor>& from, const std::map<std::string, torch::Tensor>& to);

/// Copies (detached) of all values.
std::map<std::string, torch::Tensor> clone_values(const std::map<std::string, torch::Tensor>& values);

}  // namespace quench::train
