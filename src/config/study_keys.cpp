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
