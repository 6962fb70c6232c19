#include "train/distill/softened.h"

#include "core/error.h"
#include "train/losses/detect_loss.h"

namespace quench::train {

using torch::Tensor;

Tensor softened_divergence(const Tensor& student, const Tensor& teacher, double temperature) {
  const at::ScalarType type = working_type(student);
  const Tensor log_p = (teacher.detach().to(type) / temperature).log_softmax(-1);
  const Tensor log_q = (student.to(type) / temperature).log_softmax(-1);
  return (log_p.exp() * (log_p - log_q)).sum(-1) * (temperature * temperature);
}

Tensor binary_divergence(const Tensor& student, const Tensor& teacher, double temperature) {
  const at::ScalarType type = working_type(student);
  const Tensor t = teacher.detach().to(type) / temperature, s = student.to(type) / temperature;
  const Tensor yes = at::log_sigmoid(t) - at::log_sigmoid(s), no = at::log_sigmoid(-t) - at::log_sigmoid(-s);
  const Tensor p = t.sigmoid();
  return (p * yes + (1 - p) * no) * (temperature * temperature);
}

Tensor channel_divergence(const Tensor& student, const Tensor& teacher, double temperature) {
  ensure(student.dim() == 4 && student.sizes() == teacher.sizes(), "[train.distill] expected maps of one shape");
  return softened_divergence(student.flatten(2), teacher.flatten(2), temperature).mean();
}

}  // namespace quench::train
