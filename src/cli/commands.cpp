#include "cli/commands.h"

#include <algorithm>

#include "cli/base_commands.h"
#include "cli/bench_streams.h"
#include "cli/remote.h"
#include "cli/report_options.h"
#include "config/calibrate_options.h"
#include "config/tables.h"
#include "config/why_options.h"
#include "core/error.h"
#include "core/task.h"
#include "models/spec.h"
#include "program/command.h"

namespace quench::cli {
namespace {

using config::Option;
using config::OptionSet;
using T = config::OptionType;

program::Inputs inputs(const char* name, const char* help) { return {name, help}; }
program::Inputs none() { return {}; }
program::Inputs any_model(const char* name = "MODEL") {
  return {name,
          "model by name (yolov5n, yolov8n-cls, yolov8:d0.67w0.25), or a file: ONNX of ours, .pt or .safetensors"};
}
program::Inputs model_file() {
  return {"MODEL", "ONNX file of ours, as `train`, `export` and `import` write it; or a .pt or .safetensors"};
}
program::Inputs data_set() { return {"NAME", "data set: built-in name or path"}; }
program::Inputs study_file() { return {"FILE", "YAML file of the study"}; }

OptionSet output(const char* help) { return OptionSet({Option{"output", T::text, nullptr, help}}); }

OptionSet format(std::vector<std::string> choices) {
  const std::string first = choices.front();
  return OptionSet({Option{"format", T::text, first, "form of the output", std::move(choices)}});
}

OptionSet config_file() {
  return OptionSet({Option{"config", T::text, nullptr, "YAML file with settings; flags override it"}});
}

OptionSet model_by_name() {
  return OptionSet({
      Option{"stem_stride", T::integer, 2, "stride of the first convolution (models by name)", {}, 1, 2},
      Option{"classes", T::integer, 0, "number of classes (models by name); 0: the model's own", {}, 0, 100000},
  });
}

OptionSet model_shape() {
  return OptionSet({Option{"imgsz", T::integer, 0, "image side in pixels; 0: the model's own", {}, 0, 8192}}) +
         model_by_name();
}

OptionSet export_settings() {
  return OptionSet({Option{"imgsz", T::text, "0", "image side in pixels, or HEIGHTxWIDTH; 0: the model's own"}}) +
         model_by_name() +
         OptionSet(
             {Option{"to",
                     T::text,
                     "onnx",
                     "format: onnx; ncnn (a .param and a .bin); tflite; integers (a quantized model, and every layer's "
                     "values of one image, to check other implementations by)",
                     {"onnx", "ncnn", "tflite", "integers"}},
              Option{"source", T::text, nullptr, "--to integers: the image (required)"},
              Option{"fold", T::boolean, false, "fold batch norm into the convolutions"},
              Option{"with_nms_ready_outputs", T::boolean, false,
                     "a detector for other tools: decoded boxes and scores instead of raw outputs"}});
}

Option resume(const std::string& of = "") {
  return {"resume", T::boolean, true, of + "go on from the checkpoint in the work folder"};
}

/// Data that a model is held against, whose classes may have other names than the model's.
OptionSet data_of_model() {
  return config::data_options() +
         OptionSet({Option{"class_map", T::text, nullptr,
                           "YAML file with a line `name in the data: name in the model` a class that differs; ~ leaves "
                           "a class out"}});
}

constexpr const char* kSharedByProcesses =
    "processes that share the pictures, with the result of one to the bit: started here, or by torchrun or Slurm's "
    "srun";

/// Work that several processes share by pictures.
OptionSet shared_by_processes() {
  Option option{"world_size", T::integer, 1, kSharedByProcesses, {}, 1, 65536};
  option.optional = true;
  return OptionSet({option});
}

OptionSet quantize_settings(const std::string& task) {
  const OptionSet method(
      {Option{"method", T::text, "ptq", "ptq, or qat: fine-tune with simulated quantization", {"ptq", "qat"}},
       Option{"work", T::text, nullptr, "qat: folder of checkpoints (default: OUTPUT.qat)"}, resume("qat: ")});
  const OptionSet qat =
      config::qat_options(task) + config::quantizer_options() + config::augment_options() + config::distill_options();
  std::vector<Option> training = qat.options();
  for (Option& option : training) {  // else they stand among those of both methods
    option.help = option.name == "world_size" ? kSharedByProcesses : "qat: " + option.help;
  }
  return method + config::quantize_options() + data_of_model() + OptionSet(std::move(training));
}

OptionSet fetch_settings() {
  return OptionSet({Option{"data_root", T::text, nullptr, "folder of the built-in sets and of fetched weights"},
                    Option{"from", T::text, nullptr,
                           "mirror in place of the published address: a folder, or an address, that has all files"}});
}

/// Behind the summary of a command whose defaults depend on the task.
std::string whose_defaults(const std::string& task) {
  const bool told = task != default_task();
  return fmt::format(" (defaults of models that {}{})", task, told ? "" : "; --help with a model's name shows its own");
}

OptionSet stages_folder() {
  return OptionSet({Option{"stages", T::text, nullptr,
                           "folder of what is trained and compressed, to share it with other studies "
                           "(default: stages in the folder of results)"},
                    Option{"data_root", T::text, nullptr, "folder of the built-in sets"}});
}

OptionSet devices_folder() {
  return OptionSet({Option{"devices_dir", T::text, nullptr,
                           "folder of more device files (beside $QUENCH_DEVICES and the built-in)"}});
}

OptionSet forecast_settings() {
  return OptionSet({
      Option{"device", T::text_list, Json::array(), "devices, by name (default: all)"},
      Option{"engine", T::text_list, Json::array(), "what computes (default: CPU and GPU)", {"cpu", "gpu", "dla"}},
      Option{"precision",
             T::text_list,
             Json::array(),
             "arithmetic (default: int8 for a quantized model, else all)",
             {"fp32", "fp16", "int8"}},
      Option{
          "runtime", T::text, nullptr,
          "runtime (default: native on CPUs; on GPUs what most latencies of the device are known of, or tensorrt and "
          "tensorrt-fp16)"},
      Option{"mode", T::text, nullptr, "power mode of the device (default: its first)"},
      Option{"threads", T::integer, 0, "threads of CPU runtimes; 0: all cores", {}, 0, 1024},
  });
}

/// After the runtimes, in their order.
void add_step_commands(std::vector<program::Command>& commands, const methods::StepTable& steps,
                       const std::string& task) {
  auto place = std::ranges::find(commands, "quantize", &program::Command::name);
  for (const methods::StepInfo& step : steps.all()) {
    if (step.command) place = commands.insert(place, step_command(step, task)) + 1;
    if (step.name == place->name) ++place;  // `quantize`, which is methods of this step
  }
}

std::vector<program::Command> fixed_commands(const std::string& task) {
  const OptionSet study_out({Option{"out", T::text, nullptr, "folder of results (default: results/<study>)"}});
  return {
      {"info", "Layers, shapes, parameters, MACs and sizes of a model", any_model(), 1, 1,
       model_shape() +
           OptionSet(
               {Option{"groups", T::boolean, false,
                       "list instead which channels are cut together when the model is pruned, and what they cost"},
                Option{"device", T::text, nullptr,
                       "with --groups: also the time that a channel takes on this device: host, "
                       "ssh://user@host[:port], or a device file's name"}}) +
           config::prune_options().only({"latency_runtime", "latency_threads", "latency_precision"}) +
           format({"table", "json", "svg"}),
       run_info},
      {"export", "Write a model as ONNX, for NCNN or TensorFlow Lite, or as integers", any_model(), 1, 1,
       export_settings() + output("file to write, or folder with --to integers (required)"), run_export},
      {"import", "Read released weights: a .pt of YOLOv5 or Ultralytics, or .safetensors",
       inputs("FILE", "released weights, or the name of those that `fetch` brought"), 1, 1,
       OptionSet(
           {Option{"model", T::text, nullptr, "model that the weights belong to (default: found from the tensors)"},
            Option{"imgsz", T::integer, 0, "image side in pixels; 0: the model's own", {}, 0, 8192},
            Option{"classes_from", T::text, nullptr, "YAML file whose `names` are the classes (a data.yaml)"}}) +
           output("file to write (required)"),
       run_import},
      {"fetch", "Download released weights by name, with checksum and resume; without NAME: what there is",
       inputs("NAME...", "models: yolov5n, yolov8n-cls, ..."), 0, -1, fetch_settings() + format({"table", "json"}),
       nullptr},
      {"bench", "Latency of models at batch 1, measured in turn", any_model("MODEL..."), 1, -1,
       config::bench_options() + model_shape() + streams_options() + remote_options() +
           OptionSet(
               {Option{"profile", T::boolean, false, "also the time of every layer, with its share of the peak"}}) +
           format({"table", "json", "jsonl", "csv", "md"}),
       nullptr},
      {"devices list", "Devices that models can be deployed to", none(), 0, 0,
       devices_folder() + format({"table", "json", "jsonl", "csv", "md"}), run_devices_list},
      {"devices show", "What is known of a device; `host` is this machine",
       inputs("NAME", "device, by name, or `host`"), 1, 1, devices_folder() + format({"table", "json"}),
       run_devices_show},
      {"devices forecast", "Latency of models on devices that are not here: a forecast, or why it cannot run",
       any_model("MODEL..."), 1, -1,
       forecast_settings() + model_shape() + devices_folder() + format({"table", "json", "jsonl", "csv", "md"}),
       run_devices_forecast, "devices predict"},
      {"devices plan", "Which models to measure on a new device, so that few latencies give a good forecast",
       inputs("NAME", "device, by name: it needs a device file"), 1, 1,
       OptionSet(
           {Option{"count", T::integer, 10, "models to measure", {}, 1, 100},
            Option{"engine", T::text, nullptr, "what computes (default: the runtime's, else cpu)", {"cpu", "gpu"}},
            Option{"runtime", T::text, nullptr,
                   "runtime (default: onnxruntime on CPUs that take it, else native; on GPUs the one that latencies "
                   "are known of)"},
            Option{"largest_imgsz", T::integer, 480, "largest side of an image in pixels", {}, 160, 1280}}) +
           devices_folder() + format({"table", "json", "csv", "md"}),
       run_devices_plan},
      {"devices fit", "Fit the parameters of the forecast to measured latencies, and test it on those left out",
       inputs("LATENCIES.csv...", "tables of measured latencies (columns: docs/devices.md)"), 1, -1,
       OptionSet({Option{"cross_validate", T::boolean, false, "print the errors for models and devices left out"},
                  Option{"planned",
                         T::integer,
                         0,
                         "print the errors for each device as if only this many of its latencies were known, chosen "
                         "as `devices plan` does; 0: do not",
                         {},
                         0,
                         1000},
                  Option{"each", T::boolean, false, "with --cross-validate or --planned: every forecast"}}) +
           devices_folder() + format({"table", "json", "csv", "md"}) +
           output("file to write (latency_fit.yaml of a folder of device files)"),
       run_devices_fit},
      {"report", "Compare the records of a study",
       inputs("STUDY", "folder of results that `study run` made, or its records.jsonl"), 1, 1,
       format({"table", "html", "json", "jsonl", "csv", "md", "latex"}) +
           output("file to write (default: standard output; html: report.html beside the records)") + report_options(),
       run_report},
      {"runtimes", "Runtimes, their versions, and why one is missing", none(), 0, 0, format({"table", "json"}),
       nullptr},
      {"quantize", "Compress a trained model to integers: PTQ or QAT" + whose_defaults(task), model_file(), 1, 1,
       quantize_settings(task) + output("model to write (required)") + config_file(), nullptr},
      {"calibrate", "Compare observers and choices of calibration pictures, and warn of bad pictures", model_file(), 1,
       1,
       config::calibrate_options() + data_of_model() + format({"table", "json", "csv", "md"}) +
           OptionSet({Option{"output", T::text, nullptr, "file to keep the findings in (JSON)"},
                      Option{"page", T::text, nullptr, "page to write (HTML): the table with plots"},
                      Option{"settings_file", T::text, nullptr,
                             "file to write (YAML) if the recommended pictures are no random choice: their list, for "
                             "`quench quantize --config`"}}) +
           config_file(),
       nullptr},
      {"sensitivity", "Which layers suffer from fewer bits: each quantized alone, and all but it", model_file(), 1, 1,
       config::sensitivity_options() + data_of_model() + shared_by_processes() +
           format({"table", "json", "csv", "md"}) +
           output("file to keep the table in (JSON), for `quench assign_bits`") +
           OptionSet({Option{"page", T::text, nullptr, "page to write (HTML): the table with a plot by layer"}}) +
           config_file(),
       nullptr},
      {"why", "Why a quantized model is slow or lost its score, layer by layer, and what mends it", model_file(), 1, 1,
       OptionSet({Option{"against", T::text, nullptr, "file of the float model that was quantized"}}) +
           config::why_options() + data_of_model().with_default("data", nullptr) +
           format({"table", "json", "csv", "md"}) +
           OptionSet({Option{"output", T::text, nullptr, "file to keep the findings in (JSON)"},
                      Option{"page", T::text, nullptr, "page to write (HTML): the table with plots by layer"}}) +
           config_file(),
       nullptr},
      {"eval", "Accuracy of a model on a test split, through a runtime; or of detections in a file", model_file(), 0, 1,
       data_of_model() + config::detect_options() + remote_options() + shared_by_processes() +
           OptionSet(
               {Option{"runtime", T::text, "native", "runtime"},
                Option{"threads",
                       T::integer,
                       0,
                       "threads of each process; 0: all processors, shared by the processes",
                       {},
                       0,
                       1024},
                Option{"batch", T::integer, 64, "images a run", {}, 1, 65536},
                Option{"agreement", T::boolean, false, "also run `torch` and compare predictions"},
                Option{"against", T::text, nullptr,
                       "another model, whose outputs are compared with this one's: signal over noise in place of "
                       "accuracy"},
                Option{"detections", T::text, nullptr, "COCO results (.json, .json.gz) to score instead of a MODEL"},
                Option{"annotations", T::text, nullptr, "COCO instances (.json) of --detections"},
                Option{"per_class", T::boolean, false, "a row for each class too (--detections)"},
                Option{"report", T::text, nullptr,
                       "folder to write a page into: figures of each class, curves, confusions, worst images"}}) +
           format({"table", "json", "jsonl", "csv", "md"}),
       run_eval_base},
      {"predict", "What a model sees in images, a video or a camera, drawn and as data", model_file(), 1, 1,
       config::predict_options() +
           OptionSet({Option{"runtime", T::text, "native", "runtime"},
                      Option{"threads", T::integer, 0, "threads; 0: all processors", {}, 0, 1024},
                      Option{"output", T::text, "predictions", "folder to write into"}}) +
           remote_options().without({"pack"}) + format({"table", "json", "jsonl", "csv"}),
       nullptr},
      {"data list", "Data sets, and where they are", none(), 0, 0,
       OptionSet({Option{"data_root", T::text, nullptr, "folder of the built-in sets"}}) + format({"table", "json"}),
       nullptr},
      {"data fetch", "Download a data set, with checksum and resume", inputs("NAME", "built-in data set"), 1, 1,
       fetch_settings(), nullptr},
      {"data show", "A contact sheet (PNG) of a data set", data_set(), 1, 1,
       OptionSet({Option{"data_root", T::text, nullptr, "folder of the built-in sets"},
                  Option{"split", T::text, "train", "split", {"train", "test"}},
                  Option{"count", T::integer, 64, "images", {}, 1, 10000}}) +
           output("PNG to write (required)"),
       nullptr},
      {"data check", "What is wrong with the labels of a data set, by file and line", data_set(), 1, 1,
       OptionSet({Option{"data_root", T::text, nullptr, "folder of the built-in sets"},
                  Option{"images", T::boolean, true, "decode every image file, to find damaged ones"},
                  Option{"strict", T::boolean, false, "exit with 1 where anything is wrong"}}) +
           format({"table", "json"}),
       nullptr},
      {"data index", "List a large data set anew, and keep the list", data_set(), 1, 1,
       OptionSet(
           {Option{"data_root", T::text, nullptr, "folder of the built-in sets"},
            Option{"digest", T::boolean, false, "read every picture too, for the digest that trainings ask for"}}),
       nullptr},
      {"data shard", "Write a data set as few large files, for network storage", data_set(), 1, 1,
       OptionSet({Option{"data_root", T::text, nullptr, "folder of the built-in sets"},
                  Option{"shard_mb", T::integer, 256, "size of a file in MiB", {}, 1, 1 << 20},
                  Option{"form",
                         T::text,
                         "files",
                         "what is stored: the pictures' files as they are, or their decoded pixels",
                         {"files", "pixels"}},
                  Option{"imgsz",
                         T::integer,
                         0,
                         "pixels: a longer long side of a picture is resized to this; 0: pictures keep their size",
                         {},
                         0,
                         8192}}) +
           output("folder to write (required)"),
       nullptr},
      {"data verify", "Whether the shards of a packed data set are as they were written",
       inputs("FOLDER", "folder that `data shard` wrote"), 1, 1, format({"table", "json"}), nullptr},
      {"data speed", "Pictures a second by threads, time to the first batch, memory of the list", data_set(), 1, 1,
       OptionSet({Option{"data_root", T::text, nullptr, "folder of the built-in sets"},
                  Option{"split", T::text, "train", "split", {"train", "test"}},
                  Option{"workers", T::text, "1,2", "data threads, several as in 1,2,4"},
                  Option{"imgsz", T::integer, 0, "image side in pixels; 0: 640 for detection, else 224", {}, 0, 8192},
                  Option{"batch", T::integer, 64, "pictures a batch", {}, 1, 65536},
                  Option{"count", T::integer, 2000, "pictures that each number of threads reads", {}, 1, 1e9},
                  Option{"augment", T::boolean, false, "with the augmentation of training"}}) +
           format({"table", "json"}),
       nullptr},
      {"data pack", "Write a split as a sample pack, for quench-agent on a device", none(), 0, 0,
       OptionSet({Option{"data", T::text, "cifar100", "data set: built-in name or path"},
                  Option{"data_root", T::text, nullptr, "folder of the built-in sets"},
                  Option{"split", T::text, "test", "split", {"train", "test"}},
                  Option{"imgsz",
                         T::integer,
                         0,
                         "image side in pixels; 0: that of `model`, else 640 for detection, else the images' own",
                         {},
                         0,
                         8192},
                  Option{"model", T::text, nullptr,
                         "model that the pack is for: a classifier's pictures are prepared as its metadata say"},
                  Option{"limit", T::integer, 0, "the first N images; 0: all", {}, 0, 1e9}}) +
           output("file to write (required)"),
       nullptr},
      {"study init", "Write a study file to begin with: commented, for the models, data and devices asked for", none(),
       0, 0,
       OptionSet({Option{"model", T::text_list, Json::array({"yolov5n-cls"}), "models by name, of one task"},
                  Option{"data", T::text, "cifar100", "data set: built-in name or path"},
                  Option{"data_root", T::text, nullptr, "folder of the built-in sets"},
                  Option{"device", T::text_list, Json::array({"host"}),
                         "host, ssh://user@board, or a device file's name, whose latency is forecast"},
                  Option{"imgsz", T::integer, 0, "image side in pixels; 0: by the data", {}, 0, 8192},
                  Option{"name", T::text, nullptr, "name of the study (default: made of data and model)"}}) +
           output("file to write, which is not there yet (default: standard output)"),
       nullptr},
      {"study reference", "Every key of study files, as Markdown (docs/study-reference.md)", none(), 0, 0, OptionSet(),
       run_study_reference},
      {"study plan", "What a study would run, job by job, and what is done", study_file(), 1, 1,
       study_out + stages_folder() + format({"table", "json"}) +
           OptionSet({Option{"trial", T::boolean, false,
                             "estimate times, where no earlier job tells them, from a trial on a few images (takes "
                             "seconds to minutes)"},
                      Option{"nodes", T::text_list, Json::array(),
                             "numbers of machines, 1 to 100000: say how long the jobs would take on so many"}}),
       nullptr},
      {"study run", "Run a study: train, compress, execute, measure; resumes", study_file(), 1, 1,
       study_out + stages_folder() + format({"table", "json", "jsonl", "csv", "md"}) +
           OptionSet(
               {Option{"executor",
                       T::text,
                       "local",
                       "what does the jobs: this machine, the cluster's Slurm, or the `hosts` of the study by ssh",
                       {"local", "slurm", "ssh"}},
                Option{"jobs",
                       T::integer,
                       1,
                       "local: processes that work at once; what is timed runs alone all the same",
                       {},
                       1,
                       1024},
                Option{"retry", T::boolean, false,
                       "slurm, ssh and several jobs: try again what failed twice in a row for the same reason"}}),
       nullptr},
      {"study work", "Do jobs of a study beside others that do so, here and on machines that see the same folders",
       study_file(), 1, 1,
       study_out + stages_folder() +
           OptionSet(
               {Option{"key", T::text_list, Json::array(),
                       "keys of the jobs to do, or their beginnings (default: whatever is ready, until nothing is "
                       "left)"},
                Option{"worker", T::integer, 0, "which of the workers of this machine it is, from 0", {}, 0, 1023},
                Option{"workers", T::integer, 1, "workers of this machine", {}, 1, 1024},
                Option{"attended", T::boolean, false, "stop when the standard input ends"}}),
       nullptr},
      {"study collect", "Gather what the workers of a study have done so far, and write its page", study_file(), 1, 1,
       study_out + stages_folder() + format({"table", "json", "jsonl", "csv", "md"}), nullptr},
      {"study cancel", "Stop the workers of a study wherever they are; what they do goes on from its checkpoint later",
       study_file(), 1, 1, study_out + stages_folder(), nullptr},
      {"study archive", "A study's records, models and outcomes in one file, with the hash of each",
       inputs("STUDY", "folder of results that `study run` made"), 1, 1, output("file to write (required)"), nullptr},
      {"study verify", "Check that an archive is as it was written, and measure its models again here",
       inputs("ARCHIVE", "file that `study archive` wrote"), 1, 1,
       OptionSet({Option{"data_root", T::text, nullptr, "folder of the built-in sets"},
                  Option{"accuracy", T::boolean, true, "evaluate every model again on the test images"},
                  Option{"latency", T::boolean, true, "time every model again, and show both latencies"}}),
       nullptr},
      {"study status", "A study's jobs and cells as they stand, also while it runs", study_file(), 1, 1,
       study_out + stages_folder() + format({"table", "json"}), nullptr},
  };
}

}  // namespace

std::vector<program::Command> make_commands(const methods::StepTable& steps, const std::string& task) {
  std::vector<program::Command> made = fixed_commands(task);
  add_step_commands(made, steps, task);
  return made;
}

const std::vector<program::Command>& commands() {
  static const std::vector<program::Command> table = make_commands(methods::step_table());
  return table;
}

const std::vector<program::Command>& commands_for(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const bool asks = !words.empty() && (words.front() == "help" || std::ranges::count(words, "--help") > 0 ||
                                       std::ranges::count(words, "-h") > 0);
  for (const std::string& word : asks ? words : std::vector<std::string>()) {
    const std::string name = word.starts_with("--model=") ? word.substr(8) : word;
    if (!models::is_name(name) || models::spec(name).task == default_task()) continue;
    static const std::vector<program::Command> table = make_commands(methods::step_table(), models::spec(name).task);
    return table;
  }
  return commands();
}

/// Names and types are the same for all tasks; the defaults of the model's own task are taken when it is known.
program::Command step_command(const methods::StepInfo& step, const std::string& task) {
  OptionSet options = step.options(task);
  if (step.begins) options = config::model_options() + options;
  if (step.needs != methods::Needs::nothing) options = options + data_of_model();
  const OptionSet checkpoints(
      {Option{"work", T::text, nullptr, "folder of checkpoints (default: OUTPUT." + step.name + ")"}, resume()});
  options = options + output("model to write (required)");
  if (step.checkpoints) options = options + checkpoints;
  const bool differs = step.name == "train" || step.name == "finetune";
  return {step.name,
          step.summary + (differs ? whose_defaults(task) : ""),
          step.begins ? none() : model_file(),
          step.begins ? 0 : 1,
          step.begins ? 0 : 1,
          options + config_file(),
          nullptr};
}

const program::Command& command(const std::string& name) {
  for (const program::Command& entry : commands()) {
    if (entry.name == name) return entry;
  }
  fail(ErrorKind::internal, "[cli] no command '{}'", name);
}

}  // namespace quench::cli
