#include "study/nodes_forecast.h"

#include <algorithm>
#include <numeric>
#include <queue>
#include <set>
#include <tuple>

#include "core/error.h"
#include "study/job_order.h"

namespace quench::study {
namespace {

bool is_open(const PlannedJob& job) { return job.state == JobState::to_do || job.state == JobState::running; }

double seconds_of(const PlannedJob& job) { return is_open(job) ? job.estimate_seconds.value_or(0) : 0; }

std::vector<double> plan_chains(const std::vector<PlannedJob>& jobs) {
  std::vector<double> seconds;
  std::vector<std::vector<size_t>> after;
  for (const PlannedJob& job : jobs) {
    seconds.push_back(seconds_of(job));
    after.push_back(job.after);
  }
  return longest_chains(seconds, after);
}

/// The jobs of a plan while nodes take them.
class Play {
 public:
  Play(const std::vector<PlannedJob>& jobs, int64_t nodes)
      : jobs_(jobs), nodes_(nodes), waits_for_(jobs.size()), chains_(plan_chains(jobs)) {
    next_.resize(jobs.size());
    for (size_t i = 0; i < jobs.size(); ++i) {
      if (!is_open(jobs[i])) continue;
      for (const size_t before : jobs[i].after) {
        if (!is_open(jobs.at(before))) continue;
        next_[before].push_back(i);
        ++waits_for_[i];
      }
      if (waits_for_[i] == 0) make_ready(i);
    }
    for (int64_t node = 0; node < nodes; ++node) idle_.insert(node);
  }

  NodesTime run() {
    NodesTime out{nodes_, 0, 0};
    double worked = 0;
    while (true) {
      while (!ready_.empty() && !idle_.empty()) {
        const int64_t node = *idle_.begin();
        const size_t place = choose();
        idle_.erase(node);
        ready_.erase({-chains_[place], place});
        const double seconds = seconds_of(jobs_[place]);
        worked += seconds;
        ends_.emplace(out.seconds + seconds, place, node);
      }
      if (ends_.empty()) break;
      const auto [time, place, node] = ends_.top();
      ends_.pop();
      out.seconds = time;
      idle_.insert(node);
      for (const size_t next : next_[place]) {
        if (--waits_for_[next] == 0) make_ready(next);
      }
    }
    out.in_use = out.seconds > 0 ? worked / (out.seconds * static_cast<double>(nodes_)) : 1;
    return out;
  }

 private:
  size_t choose() const {
    const auto shared = [&](const Ready& ready) { return nodes_ == 1 || !jobs_[ready.second].alone; };
    const auto found = std::ranges::find_if(ready_, shared);
    return found != ready_.end() ? found->second : ready_.begin()->second;
  }
  void make_ready(size_t place) { ready_.emplace(-chains_[place], place); }

  const std::vector<PlannedJob>& jobs_;
  int64_t nodes_;
  std::vector<size_t> waits_for_;
  std::vector<std::vector<size_t>> next_;
  std::vector<double> chains_;
  using Ready = std::pair<double, size_t>;  ///< less the chain's seconds, place
  std::set<Ready> ready_;
  std::set<int64_t> idle_;
  using End = std::tuple<double, size_t, int64_t>;  ///< time, place, node
  std::priority_queue<End, std::vector<End>, std::greater<>> ends_;
};

}  // namespace

OpenWork open_work(const std::vector<PlannedJob>& jobs) {
  OpenWork out;
  const std::vector<double> chains = plan_chains(jobs);
  std::vector<std::vector<size_t>> next(jobs.size());
  for (size_t i = 0; i < jobs.size(); ++i) {
    out.seconds += seconds_of(jobs[i]);
    out.unknown += is_open(jobs[i]) && !jobs[i].estimate_seconds;
    for (const size_t before : jobs[i].after) next[before].push_back(i);
  }
  const auto longest = [&](const std::vector<size_t>& places) {
    return *std::ranges::max_element(places, {}, [&](size_t place) { return chains[place]; });
  };
  std::vector<size_t> places(jobs.size());
  std::iota(places.begin(), places.end(), 0);
  while (!places.empty()) {
    const size_t place = longest(places);
    out.chain_seconds = std::max(out.chain_seconds, chains[place]);
    if (seconds_of(jobs[place]) > 0) out.chain.push_back(place);
    places = next[place];
  }
  return out;
}

NodesTime time_on_nodes(const std::vector<PlannedJob>& jobs, int64_t nodes) {
  ensure(nodes >= 1, "[study.nodes_forecast] expected at least one node, got {}", nodes);
  return Play(jobs, nodes).run();
}

}  // namespace quench::study
