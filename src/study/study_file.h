#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/json.h"
#include "methods/chain.h"
#include "study/cluster_entry.h"
#include "study/forecast_entry.h"
#include "study/model_files.h"

namespace quench::study {

/// One model of a study with its own effective training configuration.
struct ModelEntry {
  std::string label;                 ///< "yolov5n-cls@64"; where entries of one model differ, with what differs
  std::string name;                  ///< that tables have in place of the model's; empty: none was given
  Json model;                        ///< values of config::model_options
  Json train;                        ///< values of fit_options() and distill_options()
  std::vector<int64_t> seeds;        ///< of its rows
  std::vector<std::string> methods;  ///< names of those that it goes through; empty: all of the study

  bool takes(const methods::Method& method) const;
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
  std::string task;                ///< of all models
  methods::StepTable steps;        ///< that methods can be made of
  std::vector<std::string> notes;  ///< said on the report's face
  Json data;                       ///< values of config::data_options
  std::vector<ModelEntry> models;
  std::vector<methods::Method> methods;
  std::vector<std::string> runtimes;
  std::vector<int64_t> threads;
  std::vector<DeviceEntry> devices;
  Json bench;                           ///< values of config::bench_options, without runtime and threads
  Json detect;                          ///< values of config::detect_options; null for classifiers
  std::vector<ForecastEntry> forecast;  ///< on devices that are not here
  std::vector<HostEntry> hosts;         ///< whose workers do the jobs
  SlurmEntry slurm;                     ///< what jobs ask of Slurm
};

/// Checks a parsed study and fills defaults. Throws Error{config} naming `where`, the section and the key for unknown
/// keys (nearest named), wrong types, unknown models, methods, runtimes, empty lists.
///
///     study: NAME                      models: [yolov5n-cls, {model: yolov8n-cls, train: {epochs: 40}}]
///     data: cifar100 | {data: ..., train_limit: ...}
///     imgsz: 64                        stem_stride: 2
///     train: {epochs: 30, flip: true}  methods: [fp32, qat, {method: ptq, observer: [mse, minmax]}]
///             {model: yolov5s-cls, seeds: [0], methods: [fp32, qat]} in place of the study's; name: what tables call
///             it
///     seeds: [0]                       runtimes: [onnxruntime]      threads: [1]     bench: {min_seconds: 2}
///     methods: [{name: half-int8, steps: [{quantize: {observer: mse}}, {finetune: {epochs: 2}}]}]
///     detect: {iou: 0.6, rect: false}  forecast: [{device: jetson-nano, engine: gpu, precision: [fp16, int8]}]
///     devices: [host, {name: nano, address: ssh://user@host:port}]
///     hosts: [{address: ssh://user@host, workers: 2}]
///     slurm: {all: {partition: gpu}, train: {cpus: 16, gpus: 1, time: 4h}, bench: {constraint: epyc}}
///
/// steps: those that methods can be made of.
StudyFile check_study(const Json& study, const std::string& where,
                      const methods::StepTable& steps = methods::step_table());

/// Reads, parses, takes in files that stand as models (study/model_files.h), and checks. Throws Error{io},
/// Error{config}, and what reading a model throws.
StudyFile read_study(const std::filesystem::path& path, const FilePlaces& places, const LogSink& log);

}  // namespace quench::study
