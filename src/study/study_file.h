#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/json.h"
#include "study/prediction_entry.h"

namespace quench::study {

/// One model of a study with its own effective training configuration.
struct ModelEntry {
  Json model;  ///< values of config::model_options
  Json train;  ///< values of fit_options()
};

/// One way to compress, lists expanded: a single setting of each option.
struct MethodEntry {
  std::string method;   ///< fp32 | ptq | qat
  std::string setting;  ///< what sets it apart from others of its method ("mse", "minmax"); "" where alone
  Json quantize;        ///< values of config::quantize_options; null for fp32
  Json qat;             ///< values of fit_options for fine-tuning plus `ranges`; null unless qat
};

/// A machine that cells run on.
struct DeviceEntry {
  std::string name = "host";  ///< what records say
  std::string address;        ///< ssh://user@host:port; empty: this machine
  std::string agent;          ///< file of quench-agent for it; empty: looked for near the program
  std::string ssh_config;     ///< configuration file of ssh; empty: ssh's own
  bool remote() const { return !address.empty(); }
};

/// A study file, checked.
struct StudyFile {
  std::string name;
  std::vector<std::string> notes;  ///< said on the report's face
  Json data;                       ///< values of config::data_options
  std::vector<ModelEntry> models;
  std::vector<int64_t> seeds;
  std::vector<MethodEntry> methods;
  std::vector<std::string> runtimes;
  std::vector<int64_t> threads;
  std::vector<DeviceEntry> devices;
  Json bench;                            ///< values of config::bench_options, without runtime and threads
  Json detect;                           ///< values of config::detect_options; null for classifiers
  std::vector<PredictionEntry> predict;  ///< on devices that are not here
};

/// Checks a parsed study and fills defaults. Throws Error{config} naming `where`, the section and the key for unknown
/// keys (nearest named), wrong types, unknown models, methods, runtimes, empty lists.
///
///     study: NAME                      models: [yolov5n-cls, {model: yolov8n-cls, train: {epochs: 40}}]
///     data: cifar100 | {data: ..., train_limit: ...}
///     imgsz: 64                        stem_stride: 2
///     train: {epochs: 30, flip: true}  methods: [fp32, {method: ptq, observer: [mse, minmax]}, {method: qat, epochs:
///     3}] seeds: [0]                       runtimes: [onnxruntime]      threads: [1]     bench: {min_seconds: 2}
///     detect: {iou: 0.6, rect: false}  predict: [{device: jetson-nano, engine: gpu, precision: [fp16, int8]}]
///     devices: [host, {name: nano, address: ssh://user@host:port}]
StudyFile check_study(const Json& study, const std::string& where);

/// Reads, parses and checks. Throws Error{io} or Error{config}.
StudyFile read_study(const std::filesystem::path& path);

}  // namespace quench::study
