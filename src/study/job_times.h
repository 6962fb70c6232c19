#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace quench::study {

/// How long earlier work took, from the `time.json` files of a folder of stages.
class JobTimes {
 public:
  explicit JobTimes(const std::filesystem::path& stages);
  /// Median seconds of earlier jobs of the kind, of the model that the name begins with where there are any, else of
  /// any model; empty where none has run.
  std::optional<double> estimate(const std::string& kind, const std::string& name) const;

 private:
  std::map<std::string, std::vector<double>> seconds_;  ///< by kind, and by kind and model
};

}  // namespace quench::study
