#include "study/job_times.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/clock.h"
#include "core/file.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

const char* const kTimeName = "time.json";

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// Where the weights come from does not make a model slower.
Json shape_of(const Cell& cell) {
  Json model = cell.model.model;
  model.erase("pretrained");
  return model;
}

/// Seconds since 1970.
double wall_seconds(fs::file_time_type time) {
  return std::chrono::duration<double>(std::chrono::file_clock::to_sys(time).time_since_epoch()).count();
}

double now_seconds() { return wall_seconds(fs::file_time_type::clock::now()); }

/// When the last file of a folder was written, but for time.json itself.
double last_written(const fs::path& folder) {
  double last = 0;
  std::error_code code;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, code)) {
    if (entry.path().filename() == kTimeName) continue;
    const auto time = entry.last_write_time(code);
    if (!code) last = std::max(last, wall_seconds(time));
  }
  return last;
}

constexpr double kMostSeconds = 1e9;  ///< thirty years: more is no time that a job took

/// Seconds that earlier programs worked in the folder.
double seconds_before(const fs::path& folder) {
  try {
    const Json kept = read_json(folder / kTimeName);
    if (kept.contains("seconds")) return kept.at("seconds").get<double>();  // what was done is made again
    return kept.at("before").get<double>() + std::max(0.0, last_written(folder) - kept.at("begun").get<double>());
  } catch (const std::exception&) {
    return 0;  // none, or not one of ours
  }
}

}  // namespace

JobSize size_of_step(const Cell& cell, const PlannedStep& step, const Json& data) {
  Json alike{{"step", step.step}, {"model", shape_of(cell)}, {"data", portable_data(data)}};
  for (const char* name : {"device", "amp", "precision", "observer"}) {
    if (step.settings.contains(name)) alike[name] = step.settings[name];
  }
  JobSize size;
  for (const char* name : {"epochs", "calibration_images"}) {
    if (!step.settings.contains(name)) continue;
    size.amount = step.settings[name].get<double>();
    if (size.amount > 0) break;
    alike[name] = 0;  // nothing of it is done: that takes some time, too
    size.amount = 1;
    break;
  }
  size.alike = canonical_text(alike);
  return size;
}

JobSize size_of_evaluation(const Cell& cell, const std::string& runtime, const Json& data) {
  return {canonical_text({{"evaluate", runtime}, {"model", shape_of(cell)}, {"data", portable_data(data)}}), 1};
}

WorkClock::WorkClock(const fs::path& folder, JobSize size)
    : folder_(folder), size_(std::move(size)), before_(seconds_before(folder)), begin_ns_(now_ns()) {
  write_file(folder_ / kTimeName, Json{{"before", before_}, {"begun", now_seconds()}}.dump() + "\n");
}

void WorkClock::finish() const {
  const double seconds = before_ + seconds_since(begin_ns_);
  const Json time{{"seconds", seconds}, {"alike", size_.alike}, {"amount", size_.amount}};
  write_file(folder_ / kTimeName, time.dump() + "\n");
}

JobTimes::JobTimes(const fs::path& stages) : stages_(stages) {
  std::error_code code;
  for (const fs::directory_entry& entry : fs::directory_iterator(stages, code)) {
    try {
      const Json time = read_json(entry.path() / kTimeName);
      const double amount = time.at("amount").get<double>();
      const double seconds = time.at("seconds").get<double>();
      if (amount > 0 && seconds >= 0 && seconds < kMostSeconds && seconds / amount < kMostSeconds) {
        seconds_[time.at("alike").get<std::string>()].push_back(seconds / amount);
      }
    } catch (const std::exception&) {
      // work that was killed, or of an earlier version, or a folder of something else
    }
  }
  try {
    trials_ = read_json(stages / "trial.json").get<std::map<std::string, double>>();
  } catch (const std::exception&) {
    // none was made, or not one of ours
  }
}

void JobTimes::save() const { write_file(stages_ / "trial.json", Json(trials_).dump(2) + "\n"); }

std::optional<JobTime> JobTimes::estimate(const JobSize& size, const std::string& key) const {
  const auto earlier = size.alike.empty() ? seconds_.end() : seconds_.find(size.alike);
  if (earlier != seconds_.end()) return JobTime{size.amount * median(earlier->second), false};
  if (const auto found = trials_.find(key); found != trials_.end()) return JobTime{found->second, true};
  return std::nullopt;
}

}  // namespace quench::study
