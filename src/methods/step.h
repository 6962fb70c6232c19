#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "config/option.h"
#include "core/json.h"

namespace quench::methods {

/// What of the data a step reads.
enum class Needs { nothing, calibration_images, training_images };

/// What a model is, as far as steps care.
struct ModelKind {
  std::string task;        ///< classify | detect
  bool quantized = false;  ///< graph::is_quantized
  bool integers = false;   ///< and weights are integers; false: floats with their scales, as fine-tuning wants them
  bool sparse = false;     ///< graph::is_sparse
};

/// What is known of a step without running it.
struct StepInfo {
  std::string name;     ///< "quantize": as command, in `steps:` of a study, in records
  std::string summary;  ///< one line of help
  Needs needs = Needs::nothing;
  bool command = true;  ///< whether it is a command of its own
  /// Its settings for a task. Throws Error{config} for a task that it does not know.
  std::function<config::OptionSet(std::string_view task)> options;
  /// What it makes of a model of a kind. Throws Error{config} where it cannot take such a model.
  std::function<ModelKind(const ModelKind&)> gives;
  /// What stands in place of its defaults after a training with these settings: augmentation and machine as there.
  /// Empty: its own defaults.
  std::function<Json(const Json& train)> inherits = {};
  /// Throws Error{config} naming `where` for effective settings that contradict one another. Empty: none can.
  std::function<void(const Json& settings, std::string_view where)> check = {};
  /// The settings with which it goes from the part `before` of its goal to the part `after`, both in [0,1], on a model
  /// that has reached `before`. Throws Error{config} naming `where` for a goal that has no parts. Empty: it has no
  /// goal.
  std::function<Json(const Json& settings, double before, double after, const std::string& where)> part = {};
  bool begins = false;  ///< as a command it takes its model by name (config::model_options), not from a file
  /// What of the data it reads under effective settings, where that is not `needs`, which is the most it may read.
  std::function<Needs(const Json& settings)> needs_under = {};

  bool checkpoints = false;  ///< it writes checkpoints into its folder and goes on from them: as a command it takes
                             ///< --work and --resume
  bool looks_back = false;   ///< it looks at the float model that `quantize` was given: the chain's, or a file that its
                             ///< setting `reference` names
  /// Throws Error{config} naming `where` for effective settings that do not fit the kind of model that it is given.
  /// Empty: all fit.
  std::function<void(const Json& settings, const ModelKind& given, std::string_view where)> suits = {};

  /// What of the data it reads under these effective settings.
  Needs reads(const Json& settings) const { return needs_under ? needs_under(settings) : needs; }
};

/// Steps by name.
class StepTable {
 public:
  /// Throws Error{internal} for a name that is there.
  void add(StepInfo info);
  const std::vector<StepInfo>& all() const { return steps_; }
  const StepInfo* find(std::string_view name) const;
  /// Throws Error{config} naming the nearest.
  const StepInfo& require(std::string_view name, std::string_view where) const;

 private:
  std::vector<StepInfo> steps_;
};

/// Those of step_list.h.
StepTable step_table();

}  // namespace quench::methods
