// Settings that differ between tasks: of each a function, QUENCH_TASKS names them.
#include <map>

#include "config/tables.h"
#include "core/error.h"
#include "core/task_list.h"

namespace quench::config {
namespace {

using T = OptionType;

/// Settings of one task.
struct TaskTables {
  OptionSet train;
  OptionSet finetune;
  OptionSet evaluate;  ///< how its raw outputs are read
};

OptionSet make_train_options() {
  return OptionSet({
      {"epochs", T::integer, 30, "passes over the training images", {}, 0, 100000},
      {"batch", T::integer, 128, "images a step", {}, 1, 65536},
      {"optimizer", T::text, "sgd", "optimizer", {"sgd", "adamw"}},
      {"lr", T::number, 0.1, "peak learning rate", {}, 0, 1000},
      {"momentum", T::number, 0.9, "SGD momentum, or AdamW beta1", {}, 0, 0.99999},
      {"nesterov", T::boolean, true, "Nesterov momentum (SGD)"},
      {"weight_decay", T::number, 5e-4, "decay of conv and linear weights (not of biases and batch norm)", {}, 0, 10},
      {"schedule", T::text, "cosine", "learning rate over time", {"cosine", "linear", "constant"}},
      {"lr_final", T::number, 0.0, "learning rate at the end, as a fraction of the peak", {}, 0, 1},
      {"warmup_epochs", T::number, 1.0, "epochs of linear warm-up", {}, 0, 1000},
      {"label_smoothing", T::number, 0.1, "share of the target spread over all classes", {}, 0, 0.99},
      {"ema", T::boolean, true, "evaluate an exponential moving average of the weights"},
      {"ema_decay", T::number, 0.999, "decay of that average a step, reached gradually", {}, 0, 0.999999},
      {"clip_norm", T::number, 0.0, "largest norm of the whole gradient; 0: no clipping", {}, 0, 1e9},
      {"amp", T::boolean, false, "mixed precision (CUDA only)"},
      {"device", T::text, "cpu", "where to train: cpu, cuda, cuda:N"},
      {"threads", T::integer, 0, "intra-op threads; 0: all processors", {}, 0, 1024},
      {"workers", T::integer, 2, "data threads", {}, 0, 256},
      {"seed", T::integer, 0, "of initial weights, shuffling and augmentation", {}, 0, 4294967295.0},
      {"eval_every",
       T::integer,
       1,
       "epochs between evaluations: on validation images for `keep: best`, else on the test split, to show progress",
       {},
       1,
       100000},
      {"accumulate", T::integer, 1, "batches whose gradients make one step", {}, 1, 4096},
      {"keep",
       T::text,
       "last",
       "weights that are the result: of the last epoch, or of the best on validation images (never the test split)",
       {"last", "best"}},
      {"val_share",
       T::number,
       0.1,
       "share of the training images held out to choose by, where `keep: best` and the data have no third split",
       {},
       0.001,
       0.9},
      {"box_gain", T::number, 0.0, "detection: weight of the box loss; 0: the model family's own", {}, 0, 1000},
      {"objectness_gain", T::number, 0.0, "detection: of the objectness loss (YOLOv5)", {}, 0, 1000},
      {"class_gain", T::number, 0.0, "detection: of the class loss", {}, 0, 1000},
      {"dfl_gain", T::number, 0.0, "detection: of the distribution focal loss (YOLOv8)", {}, 0, 1000},
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
const OptionSet& qat_options(std::string_view task) { return tables_of(task).finetune; }
const OptionSet& evaluate_options(std::string_view task) { return tables_of(task).evaluate; }

}  // namespace quench::config
