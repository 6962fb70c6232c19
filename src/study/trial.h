#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "graph/onnx_read.h"
#include "study/run.h"
#include "study/stages.h"

namespace quench::study {

/// How long jobs would take, from a trial: each runs on a few images, twice, and the line through both times
/// (seconds = a + b * images) is read off at the images that it will see. What a job does once is not scaled. Nothing
/// of a trial is kept but the times; its models, which chains go on with, are in memory.
class Trial {
 public:
  /// folder: for checkpoints, removed at the end. All must outlive this.
  Trial(const StudyFile& study, Stages& stages, const RunContext& context, std::filesystem::path folder);
  ~Trial();
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  /// Seconds that a step of the cell's chain will take. Throws what the step throws.
  double step(const Cell& cell, size_t index);
  /// Of an evaluation of its artifact on the test split.
  double evaluate(const Cell& cell, const std::string& runtime);
  /// Of timing its artifact alone, with the cell's runtime and threads.
  double bench(const Cell& cell);

 private:
  struct Made {
    graph::ModelFile model;
    double seconds;
  };
  const Made& made(const Cell& cell, size_t index);

  const StudyFile& study_;
  Stages& stages_;
  const RunContext& context_;
  std::filesystem::path folder_;
  std::map<std::string, Made> made_;  ///< by the step's key
  bool warm_ = false;
  LogSink quiet_;  ///< epochs of a few images are no news
};

/// Seconds at `amount`, from a line through (few, seconds_few) and (more, seconds_more), that neither falls nor begins
/// below 0. Throws Error{internal} unless 0 < few <= more.
double read_off(double few, double seconds_few, double more, double seconds_more, double amount);

}  // namespace quench::study
