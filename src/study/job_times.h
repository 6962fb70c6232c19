#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "study/plan.h"

namespace quench::study {

/// How much work a job is, as far as it is known before it runs.
struct JobSize {
  std::string alike;  ///< jobs with the same text take time in proportion to their amounts; empty: none is alike
  double amount = 1;  ///< epochs of a training, images of a calibration
};

/// Of a step of a chain: alike are jobs of the same step, model, image size and data, with the same of the settings
/// that make work slower. data: the study's.
JobSize size_of_step(const Cell& cell, const PlannedStep& step, const Json& data);
/// Of an evaluation of a cell's artifact.
JobSize size_of_evaluation(const Cell& cell, const std::string& runtime, const Json& data);

/// The time of a piece of work, in the `time.json` of its folder, over all programs that worked on it: of one that was
/// killed, the time until its last file there was written.
class WorkClock {
 public:
  /// Begins to count. Throws Error{io}.
  WorkClock(const std::filesystem::path& folder, JobSize size);
  /// The work is done. Throws Error{io}.
  void finish() const;

 private:
  std::filesystem::path folder_;
  JobSize size_;
  double before_ = 0;  ///< seconds of earlier programs
  int64_t begin_ns_ = 0;
};

/// An estimate of a job's time.
struct JobTime {
  double seconds = 0;
  bool from_trial = false;  ///< else from earlier jobs that are alike
};

/// How long work took: earlier jobs, from the `time.json` files of a folder of stages, and trials, from its
/// `trial.json`.
class JobTimes {
 public:
  explicit JobTimes(const std::filesystem::path& stages);
  /// From the median of earlier jobs that are alike, by their amounts; where there are none, from the key's trial.
  std::optional<JobTime> estimate(const JobSize& size, const std::string& key) const;
  /// A trial's seconds; save() keeps them.
  void set_trial(const std::string& key, double seconds) { trials_[key] = seconds; }
  /// Writes trial.json. Throws Error{io}.
  void save() const;

 private:
  std::filesystem::path stages_;
  std::map<std::string, double> trials_;                ///< by key
  std::map<std::string, std::vector<double>> seconds_;  ///< for an amount of 1, of jobs that are alike
};

}  // namespace quench::study
