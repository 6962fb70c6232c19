#include "study/job_times.h"

#include <algorithm>

#include "core/json.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

}  // namespace

JobTimes::JobTimes(const fs::path& stages) {
  std::error_code code;
  for (const fs::directory_entry& entry : fs::directory_iterator(stages, code)) {
    try {
      const double seconds = read_json(entry.path() / "time.json").at("seconds").get<double>();
      const Json inputs = read_json(entry.path() / "inputs.json");
      const std::string kind = inputs.at("step").get<std::string>();
      seconds_[kind].push_back(seconds);
      seconds_[kind + " " + inputs.at("model").at("model").get<std::string>()].push_back(seconds);
    } catch (const std::exception&) {
      // work that was killed, or a folder of something else
    }
  }
}

std::optional<double> JobTimes::estimate(const std::string& kind, const std::string& name) const {
  const std::string model = name.substr(0, name.find_first_of("@/ ,"));
  for (const std::string& key : {kind + " " + model, kind}) {
    if (const auto found = seconds_.find(key); found != seconds_.end()) return median(found->second);
  }
  return std::nullopt;
}

}  // namespace quench::study
