#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "study/study_file.h"

namespace quench::study {

/// A step of a cell's chain, the training first.
struct PlannedStep {
  std::string key;   ///< of the model that it makes (64 hex digits)
  std::string step;  ///< "train", "quantize", ...
  Json settings;     ///< effective
};

/// One row of the comparison to be.
struct Cell {
  /// "yolov5n-cls/ptq/mse/onnxruntime/t1/s0", on a device ".../native@nano/t4/s0"; unique in the study.
  std::string id;
  ModelEntry model;
  methods::Method method;
  int64_t seed = 0;
  std::string runtime;
  int64_t threads = 1;
  DeviceEntry device;
  std::vector<PlannedStep> steps;
  Json config;  ///< the effective configuration: all of the above, for the record and for resume

  const std::string& model_key() const { return steps.back().key; }  ///< of the cell's artifact
};

/// The step whose model the last `quantize` before a step was given: the float one that it may look back at. Nothing
/// where none stands before it.
std::optional<size_t> unquantized_step(const Cell& cell, size_t step);

/// What the keys of jobs cover besides settings.
struct InputDigests {
  std::string train, test;  ///< of the two splits: images, labels, class names
  /// Of the file of weights that a model entry starts from; "" where it starts from initial ones.
  std::function<std::string(const Json& model)> weights = [](const Json&) { return std::string(); };
  /// Of the device that a step's `target_latency` is of, by the step's settings. Throws Error{config} for an unknown
  /// one.
  std::function<std::string(const Json& settings)> latency = [](const Json&) { return std::string(); };
  /// Of the file that a step's `teacher` or `reference` names; "" where it is not there.
  std::function<std::string(const std::string& file)> teacher = [](const std::string&) { return std::string(); };
};

/// Models x seeds x methods x runtimes x devices x threads, in this order (what shares work stands together). Throws
/// Error{config} where two cells would have one id.
std::vector<Cell> expand(const StudyFile& study, const InputDigests& digests);

/// What is compressed how, whatever runs it: "yolov5n-cls@64/ptq/mse". Entries of one model that differ in other
/// settings carry these: "yolov5n-cls@64,stem_stride=1/ptq/mse".
std::string artifact_name(const Cell& cell);

/// Where its file lies below the study's folder: "artifacts/yolov5n-cls@64/ptq-mse-s0.onnx".
std::string artifact_path(const Cell& cell);

/// The data's settings without where they lie.
Json portable_data(const Json& data);

/// Hash that names a piece of work: equal inputs, equal hash (64 hex digits).
std::string job_key(const Json& inputs);

}  // namespace quench::study
