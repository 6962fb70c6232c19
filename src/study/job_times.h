#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace quench::study {

/// An estimate of a job's time.
struct JobTime {
  double seconds = 0;
  bool from_trial = false;  ///< else from earlier jobs of its kind
};

/// How long work took: earlier jobs, from the `time.json` files of a folder of stages, and trials, from its
/// `trial.json`.
class JobTimes {
 public:
  explicit JobTimes(const std::filesystem::path& stages);
  /// Median seconds of earlier jobs of the kind, of the model that the name begins with where there are any, else of
  /// any model; empty where none has run.
  std::optional<double> estimate(const std::string& kind, const std::string& name) const;
  /// As estimate(), and where there is none that of the key's trial.
  std::optional<JobTime> estimate(const std::string& kind, const std::string& name, const std::string& key) const;
  /// A trial's seconds; save() keeps them.
  void set_trial(const std::string& key, double seconds) { trials_[key] = seconds; }
  /// Writes trial.json. Throws Error{io}.
  void save() const;

 private:
  std::filesystem::path stages_;
  std::map<std::string, double> trials_;                ///< by key
  std::map<std::string, std::vector<double>> seconds_;  ///< by kind, and by kind and model
};

}  // namespace quench::study
