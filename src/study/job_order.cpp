#include "study/job_order.h"

#include <algorithm>
#include <map>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"

namespace quench::study {
namespace {

constexpr const char* kOrderName = "order.json";
constexpr double kSecondsAnEpoch = 60, kSecondsElse = 10;

double assumed_seconds(const Job& job, const JobSize& size) {
  return job.kind == "train" || job.kind == "finetune" ? kSecondsAnEpoch * size.amount : kSecondsElse;
}

}  // namespace

std::vector<double> longest_chains(const std::vector<double>& seconds, const std::vector<std::vector<size_t>>& after) {
  std::vector<double> behind(seconds.size());  // of the longest chain that waits for the job
  for (size_t i = seconds.size(); i-- > 0;) {
    for (const size_t before : after.at(i)) {
      ensure(before < i, "[study.job_order] job {} stands behind job {} that waits for it", before, i);
      behind[before] = std::max(behind[before], behind[i] + seconds[i]);
    }
  }
  for (size_t i = 0; i < seconds.size(); ++i) behind[i] += seconds[i];
  return behind;
}

std::vector<double> chains_of(const JobGraph& graph, const JobResults& results, const std::vector<JobSize>& sizes,
                              const JobTimes& times) {
  std::vector<double> seconds;
  std::vector<std::vector<size_t>> after;
  for (size_t i = 0; i < graph.jobs().size(); ++i) {
    const Job& job = graph.job(i);
    after.push_back(job.after);
    if (results.good(i)) {
      seconds.push_back(0);
      continue;
    }
    const std::optional<JobTime> time = times.estimate(sizes.at(i), job.key);
    seconds.push_back(time ? time->seconds : assumed_seconds(job, sizes.at(i)));
  }
  return longest_chains(seconds, after);
}

void write_order(const std::filesystem::path& folder, const JobGraph& graph, const std::vector<double>& chains) {
  std::map<std::string, double> seconds;
  for (size_t i = 0; i < chains.size(); ++i) {
    if (chains[i] > 0) seconds[graph.job(i).key] = chains[i];
  }
  write_file(folder / kOrderName, Json(seconds).dump() + "\n");
}

std::vector<double> read_order(const std::filesystem::path& folder, const JobGraph& graph) {
  std::map<std::string, double> seconds;
  try {
    seconds = read_json(folder / kOrderName).get<std::map<std::string, double>>();
  } catch (const std::exception&) {
    return {};
  }
  std::vector<double> chains;
  for (const Job& job : graph.jobs()) {
    const auto found = seconds.find(job.key);
    chains.push_back(found == seconds.end() ? 0 : found->second);
  }
  return chains;
}

}  // namespace quench::study
