#include "study/job_times.h"

#include <algorithm>

#include "core/file.h"
#include "core/json.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

}  // namespace

JobTimes::JobTimes(const fs::path& stages) : stages_(stages) {
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
  try {
    trials_ = read_json(stages / "trial.json").get<std::map<std::string, double>>();
  } catch (const std::exception&) {
    // none was made, or not one of ours
  }
}

void JobTimes::save() const { write_file(stages_ / "trial.json", Json(trials_).dump(2) + "\n"); }

std::optional<JobTime> JobTimes::estimate(const std::string& kind, const std::string& name,
                                          const std::string& key) const {
  if (const std::optional<double> earlier = estimate(kind, name)) return JobTime{*earlier, false};
  if (const auto found = trials_.find(key); found != trials_.end()) return JobTime{found->second, true};
  return std::nullopt;
}

std::optional<double> JobTimes::estimate(const std::string& kind, const std::string& name) const {
  const std::string model = name.substr(0, name.find_first_of("@/ ,"));
  for (const std::string& key : {kind + " " + model, kind}) {
    if (const auto found = seconds_.find(key); found != seconds_.end()) return median(found->second);
  }
  return std::nullopt;
}

}  // namespace quench::study
