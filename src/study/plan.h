#pragma once

#include <string>
#include <vector>

#include "study/study_file.h"

namespace quench::study {

/// One row of the comparison to be.
struct Cell {
  std::string
      id;  ///< "yolov5n-cls/ptq/mse/onnxruntime/t1/s0", on a device ".../native@nano/t4/s0"; unique in the study
  ModelEntry model;
  MethodEntry method;
  int64_t seed = 0;
  std::string runtime;
  int64_t threads = 1;
  DeviceEntry device;
  Json config;  ///< the effective configuration: all of the above, for the record and for resume
};

/// Models x seeds x methods x runtimes x devices x threads, in this order (what shares work stands together).
std::vector<Cell> expand(const StudyFile& study);

/// What is compressed how, whatever runs it: "yolov5n-cls@64/ptq/mse".
std::string artifact_name(const Cell& cell);

/// The data's settings without where they lie.
Json portable_data(const Json& data);

/// Hash that names a piece of work: equal inputs, equal hash (12 hex digits). Where the data lies is left out.
std::string stage_hash(const Json& inputs);

/// Inputs of the stages of a cell. Cells whose inputs are equal share the stage's result.
Json train_inputs(const StudyFile& study, const Cell& cell);
Json quantize_inputs(const StudyFile& study, const Cell& cell);

}  // namespace quench::study
