#include "config/study_keys.h"

namespace quench::config {
namespace {

using T = OptionType;

}  // namespace

const std::vector<StudyKey>& study_keys() {
  static const std::vector<StudyKey> keys{
      {"study", "text", "", "name of the study; results go to results/NAME"},
      {"notes", "list of texts", "none", "lines of text for the page"},
      {"data", "text, or map", "cifar100", "the data set, as the flag --data names it; or a map of the settings below"},
      {"imgsz", "integer", "the model's own",
       "side of the images in pixels, for models that have no `imgsz` of their own"},
      {"stem_stride", "1 or 2", "2",
       "stride of the first convolution, for models that have no `stem_stride` of their own"},
      {"models", "list of names or maps", "", "models that are trained, or that begin from `pretrained` weights"},
      {"seeds", "integer, or list", "[0]", "seeds; every model is trained once with each"},
      {"train", "map", "none", "settings of the training, for all models"},
      {"methods", "list of names or maps", "", "what is done to each trained model"},
      {"runtimes", "text, or list", "[native]",
       "what runs the models: native, onnxruntime, torch, tensorrt, "
       "tensorrt-fp16; the first says where quantizers stand"},
      {"threads", "integer, or list", "[1]", "numbers of threads with which latencies are measured"},
      {"bench", "map", "none", "how long latencies are measured"},
      {"detect", "map", "none", "for detectors: how boxes are made of the outputs"},
      {"devices", "text, map, or list", "[host]", "machines on which rows are measured"},
      {"hosts", "text, map, or list", "none",
       "machines whose workers do the jobs with `study run --executor ssh`; they see the same folders"},
      {"slurm", "map", "none",
       "what each kind of job asks of Slurm, with `study run --executor slurm`: {all: {...}, train: {...}, bench: "
       "{...}}"},
      {"forecast", "map, or list", "none", "devices without a board here, whose latency is forecast"},
  };
  return keys;
}

const OptionSet& study_device_options() {
  static const OptionSet options({
      {"name", T::text, nullptr, "what records call it (default: the host's name in the address)"},
      {"address", T::text, nullptr, "ssh://user@host[:port]; `host` alone is this machine"},
      {"agent", T::text, nullptr, "file of quench-agent for it (default: looked for near the program)"},
      {"ssh_config", T::text, nullptr, "configuration file of ssh (default: ssh's own)"},
  });
  return options;
}

const OptionSet& study_host_options() {
  static const OptionSet options({
      {"address", T::text, nullptr, "ssh://user@host[:port]"},
      {"workers", T::integer, 1, "processes that work there at once", {}, 1, 1024},
      {"program", T::text, nullptr, "quench there (default: the path of the one that is called here)"},
      {"folder", T::text, nullptr,
       "folder there that paths of the command line start from (default: the path of the one here)"},
      {"data_root", T::text, nullptr, "folder of the built-in data sets there (default: as here)"},
      {"ssh_config", T::text, nullptr, "configuration file of ssh (default: ssh's own)"},
  });
  return options;
}

const OptionSet& slurm_options() {
  static const OptionSet options({
      {"cpus", T::integer, 0, "processors of a job; 0: the cluster's default", {}, 0, 4096},
      {"gpus", T::integer, 0, "GPUs of a job", {}, 0, 64},
      {"memory", T::text, "", "memory of a job: 16G"},
      {"time", T::text, "", "longest time of a job: 90m, 4h, 2d, or as Slurm writes it"},
      {"partition", T::text, "", "partition"},
      {"account", T::text, "", "account that pays"},
      {"qos", T::text, "", "quality of service"},
      {"constraint", T::text, "", "kind of node: the features that it has"},
      {"exclusive", T::boolean, false, "the node for itself, as timings should have it"},
      {"at_once", T::integer, 0, "most jobs of an array that run at once; 0: any number", {}, 0, 1e6},
      {"options", T::text_list, Json::array(), "further options of sbatch: --mail-type=FAIL"},
      {"setup", T::text_list, Json::array(), "lines of shell before the work: module load cuda"},
  });
  return options;
}

const OptionSet& forecast_options() {
  static const OptionSet options({{"device", T::text_list, Json::array(), "devices, by name"},
                                  {"engine", T::text_list, Json::array(), "what computes", {"cpu", "gpu", "dla"}},
                                  {"precision", T::text_list, Json::array(), "arithmetic", {"fp32", "fp16", "int8"}},
                                  {"runtime", T::text, "", "runtime"},
                                  {"mode", T::text, "", "power mode"},
                                  {"threads", T::integer, 0, "threads of CPU runtimes; 0: all cores", {}, 0, 1024}});
  return options;
}

}  // namespace quench::config
