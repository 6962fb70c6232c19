#include "train/loop/fit_settings.h"

#include <algorithm>
#include <thread>

#include "config/tables.h"
#include "core/error.h"
#include "models/task.h"

namespace quench::train {
namespace {

config::OptionSet all_options(const std::string& task) {
  using T = config::OptionType;
  return config::train_options(task) + config::augment_options() +
         config::OptionSet({
             {"imgsz", T::integer, 0, "image side in pixels; 0: the graph's own", {}, 0, 8192},
             {"train_limit", T::integer, 0, "use the first N training images of a seeded shuffle; 0: all", {}, 0, 1e9},
             {"test_limit", T::integer, 0, "use the first N test images; 0: all", {}, 0, 1e9},
             {"ranges", T::text, "frozen", "activation ranges while fine-tuning", {"learned", "frozen"}},
         });
}

Json known_values(const Json& config, const graph::Graph& graph) {
  if (!config.is_object()) fail(ErrorKind::config, "[train.config] expected an object, got {}", config.type_name());
  const config::OptionSet options = all_options(models::task_of(graph));
  return options.checked(options.part_of(config), "train.config");
}

int graph_imgsz(const graph::Graph& graph) {
  ensure(!graph.inputs.empty(), "[train.config] the graph has no input");
  const Shape& shape = graph.edge(graph.inputs.front()).shape;
  ensure(shape.size() == 4, "[train.config] expected an input [1,3,H,W], got {}", to_string(shape));
  return static_cast<int>(shape[2]);
}

}  // namespace

FitSettings parse_settings(const Json& config, const graph::Graph& graph) {
  const Json values = known_values(config, graph);
  FitSettings s;
  s.epochs = values.at("epochs");
  s.batch = values.at("batch");
  s.optimizer = values.at("optimizer");
  s.lr = values.at("lr");
  s.momentum = values.at("momentum");
  s.nesterov = values.at("nesterov");
  s.weight_decay = values.at("weight_decay");
  s.schedule = values.at("schedule");
  s.lr_final = values.at("lr_final");
  s.warmup_epochs = values.at("warmup_epochs");
  s.label_smoothing = values.at("label_smoothing");
  s.ema = values.at("ema");
  s.ema_decay = values.at("ema_decay");
  s.clip_norm = values.at("clip_norm");
  s.amp = values.at("amp");
  s.device = values.at("device");
  s.threads = values.at("threads");
  s.workers = values.at("workers");
  s.seed = values.at("seed");
  s.eval_every = values.at("eval_every");
  s.accumulate = values.at("accumulate");
  s.keep_best = values.at("keep") == "best";
  s.val_share = values.at("val_share");
  s.box_gain = values.at("box_gain");
  s.objectness_gain = values.at("objectness_gain");
  s.class_gain = values.at("class_gain");
  s.dfl_gain = values.at("dfl_gain");
  s.imgsz = values.at("imgsz");
  s.learn_ranges = values.at("ranges") == "learned";
  s.train_limit = values.at("train_limit");
  s.test_limit = values.at("test_limit");
  for (const config::Option& option : config::augment_options().options()) {
    s.augmentation[option.name] = values.at(option.name);
  }

  if (s.threads == 0) s.threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  const int own = graph_imgsz(graph);
  if (s.imgsz == 0) s.imgsz = own;
  if (s.imgsz != own) {
    fail(ErrorKind::config, "[train.config] expected imgsz {} as the graph has it, got {}", own, s.imgsz);
  }
  if (s.amp && s.device == "cpu") {
    fail(ErrorKind::config, "[train.config] expected `device: cuda` with `amp: true`, got `device: cpu`");
  }
  if (s.nesterov && s.momentum == 0 && s.optimizer == "sgd") s.nesterov = false;

  s.identity = values;
  s.identity["imgsz"] = s.imgsz;
  for (const char* key : {"threads", "workers", "device"}) s.identity.erase(key);
  if (!s.keep_best) s.identity.erase("val_share");  // decides nothing
  return s;
}

}  // namespace quench::train
