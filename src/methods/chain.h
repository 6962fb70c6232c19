#pragma once

#include <string>
#include <vector>

#include "methods/rounds.h"

namespace quench::methods {

/// A method: what is done to a trained model, step by step. Empty: nothing (fp32).
struct Method {
  std::string method;   ///< fp32 | ptq | qat, or the name that a study gave it
  std::string setting;  ///< what sets it apart from others of its name ("mse", "minmax"); "" where alone
  std::vector<ChainStep> steps;
};

/// The effective steps of a method on a model of `kind`: every setting present, checked; `convert` at the end where the
/// chain leaves quantized weights in float. train: settings of the training that made the model, for steps that keep
/// some of them; null: not known. Throws Error{config} naming `where` and the step, also for one that cannot take what
/// the step before it makes.
std::vector<ChainStep> effective_steps(const Method& method, const StepTable& table, ModelKind kind, const Json& train,
                                       std::string_view where);

/// The methods of one entry of a study, lists expanded: `fp32`, `{method: ptq, observer: [mse, minmax]}`, `{method:
/// qat, epochs: 3}`, `{name: half-int8, steps: [{quantize: {observer: mse}}, {finetune: {epochs: 2}}]}`. Among the
/// steps
/// `{repeat: {rounds: 4, schedule: cubic, steps: [...]}}` stands for steps in rounds (in_rounds). target: where
/// quantizers stand unless the entry says otherwise. Throws Error{config}.
std::vector<Method> methods_of(const Json& entry, const StepTable& table, std::string_view task,
                               const std::string& target, const std::string& where);

/// Bits of weights and activations that a chain ends with; 32 where it does not quantize.
struct Bits {
  int64_t weights = 32;
  int64_t activations = 32;
};
Bits bits_of(const std::vector<ChainStep>& steps);

}  // namespace quench::methods
