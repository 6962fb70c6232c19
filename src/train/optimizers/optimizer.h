#pragma once

#include <torch/types.h>

#include <map>
#include <string>
#include <vector>

namespace quench::train {

struct OptimizerOptions {
  std::string kind = "sgd";    ///< sgd | adamw
  double momentum = 0.9;       ///< AdamW: beta1
  bool nesterov = true;        ///< SGD
  double weight_decay = 5e-4;  ///< of tensors of two or more dimensions: conv and linear weights
  double beta2 = 0.999;        ///< AdamW
  double epsilon = 1e-8;       ///< AdamW
  double clip_norm = 0;        ///< 0: off
};

/// SGD with momentum and Nesterov's step (Sutskever et al. 2013, as in torch.optim.SGD: decay added to the gradient,
/// d = g + wd * w; m = mu * m + d; w -= lr * (d + mu * m)), or AdamW (Loshchilov & Hutter 2019, algorithm 2).
///
/// No decay on biases, batch norm and learned quantizer scales (names ending in `.scale` or `.alpha`). A scale is a
/// small positive number: AdamW's step, which is lr whatever the gradient, is multiplied by the scale itself, and no
/// step changes a scale by more than 1 %, so it stays positive.
///
/// On the CPU one threaded pass over all tensors; the result does not depend on the number of threads.
class Optimizer {
 public:
  /// Keeps the tensors (leaves of the graph); gradients are read from them.
  /// Throws Error{config} for another kind.
  Optimizer(std::map<std::string, torch::Tensor> parameters, OptimizerOptions options);

  /// Forgets all gradients.
  void zero_grad();
  /// Clips, then updates every parameter that has a gradient.
  void step(double lr);
  /// Euclidean norm over all gradients, before clipping.
  double gradient_norm() const;
  /// All gradients that there are, for scaling.
  std::vector<torch::Tensor> gradients() const;

  /// Momenta by `momentum/<parameter>` (AdamW: `variance/<parameter>` too), to read, and to copy a checkpoint into.
  std::map<std::string, torch::Tensor> state() const;
  int64_t steps() const { return steps_; }
  void set_steps(int64_t steps) { steps_ = steps; }

 private:
  struct Slot {
    std::string name;
    torch::Tensor value, momentum, variance;
    bool decays = false;
    bool is_scale = false;
  };
  struct Rates;

  Rates rates(double lr) const;
  void update(Slot& slot, const torch::Tensor& gradient, const Rates& rates) const;
  void sgd_pass(const std::vector<Slot*>& slots, const std::vector<torch::Tensor>& gradients, const Rates& rates) const;
  void adamw_pass(const std::vector<Slot*>& slots, const std::vector<torch::Tensor>& gradients,
                  const Rates& rates) const;

  OptimizerOptions options_;
  std::vector<Slot> slots_;
  int64_t steps_ = 0;
};

}  // namespace quench::train
