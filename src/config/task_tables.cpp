// Settings that differ between tasks: of each a function, QUENCH_TASKS names them.
#include <cstdint>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/tables.h"
#include "core/error.h"
#include "core/task_list.h"

namespace quench::config {
namespace {

using T = OptionType;

/// Settings of one task.
struct TaskTables {
  TaskTables(OptionSet of_train, OptionSet of_finetune, OptionSet of_evaluate)
      : train(std::move(of_train)),
        fit(train + augment_options()),
        finetune(std::move(of_finetune)),
        evaluate(std::move(of_evaluate)) {}
  OptionSet train;
  OptionSet fit;  ///< with augmentation
  OptionSet finetune;
  OptionSet evaluate;  ///< how its raw outputs are read
};

template <typename Value>
constexpr OptionType kTypeOf = std::is_same_v<Value, bool>       ? T::boolean
                               : std::is_integral_v<Value>       ? T::integer
                               : std::is_floating_point_v<Value> ? T::number
                                                                 : T::text;

OptionSet make_train_options() {
  return OptionSet({
#define QUENCH_TRAIN_SETTING(type, name, scope, default_value, ...) \
  Option{#name, kTypeOf<type>, default_value, __VA_ARGS__},
#include "config/train_settings.inc"
  });
}

OptionSet ranges() {
  return OptionSet({{"ranges",
                     T::text,
                     "learned",
                     "activation ranges while fine-tuning: learned (LSQ) or frozen",
                     {"learned", "frozen"}}});
}

TaskTables classify_tables() {
  const OptionSet train = make_train_options();
  return {train,
          train.with_default("epochs", 3)
                  .with_default("lr", 5e-4)
                  .with_default("warmup_epochs", 0.1)
                  .with_default("weight_decay", 1e-4) +
              ranges(),
          {}};
}

/// Training: values that the originals train detectors with from scratch (YOLOv5 7.0's hyp.scratch-low, YOLOv8 8.1's
/// defaults).
TaskTables detect_tables() {
  const OptionSet train = make_train_options()
                              .with_default("batch", 16)
                              .with_default("lr", 0.01)
                              .with_default("momentum", 0.937)
                              .with_default("warmup_epochs", 3.0)
                              .with_default("lr_final", 0.01)
                              .with_default("label_smoothing", 0.0)
                              .with_default("clip_norm", 10.0)
                              .with_default("ema_decay", 0.9999);
  return {train,
          train.with_default("epochs", 5)
                  .with_default("lr", 1e-4)
                  .with_default("warmup_epochs", 0.5)
                  .with_default("ema_decay", 0.999) +
              ranges(),
          detect_options()};
}

const TaskTables& tables_of(std::string_view task) {
  static const std::map<std::string, TaskTables, std::less<>> all{
#define QUENCH_ENTRY(name) {#name, name##_tables()},
      QUENCH_TASKS(QUENCH_ENTRY)
#undef QUENCH_ENTRY
  };
  const auto found = all.find(task);
  if (found == all.end()) fail(ErrorKind::config, "[config] no settings of a task '{}'", task);
  return found->second;
}

}  // namespace

const OptionSet& train_options(std::string_view task) { return tables_of(task).train; }
const OptionSet& fit_options(std::string_view task) { return tables_of(task).fit; }
const OptionSet& qat_options(std::string_view task) { return tables_of(task).finetune; }
const OptionSet& evaluate_options(std::string_view task) { return tables_of(task).evaluate; }

std::vector<std::string> train_settings(TrainScope scope) {
  constexpr std::pair<const char*, TrainScope> kScopes[] = {
#define QUENCH_TRAIN_SETTING(type, name, scope, ...) {#name, TrainScope::scope},
#include "config/train_settings.inc"
  };
  std::vector<std::string> names;
  for (const auto& [name, of] : kScopes) {
    if (of == scope) names.emplace_back(name);
  }
  return names;
}

}  // namespace quench::config
