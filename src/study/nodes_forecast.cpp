#include "study/nodes_forecast.h"

#include <algorithm>
#include <queue>
#include <set>
#include <tuple>

#include "core/error.h"

namespace quench::study {
namespace {

bool is_open(const PlannedJob& job) { return job.state == JobState::to_do || job.state == JobState::running; }

double seconds_of(const PlannedJob& job) { return is_open(job) ? job.estimate_seconds.value_or(0) : 0; }

/// The jobs of a plan while nodes take them.
class Play {
 public:
  Play(const std::vector<PlannedJob>& jobs, int64_t nodes) : jobs_(jobs), nodes_(nodes), waits_for_(jobs.size()) {
    next_.resize(jobs.size());
    for (size_t i = 0; i < jobs.size(); ++i) {
      if (!is_open(jobs[i])) continue;
      for (const size_t before : jobs[i].after) {
        if (!is_open(jobs.at(before))) continue;
        next_[before].push_back(i);
        ++waits_for_[i];
      }
      if (waits_for_[i] == 0) ready_.insert(i);
    }
    for (int64_t node = 0; node < nodes; ++node) idle_.insert(node);
  }

  NodesTime run() {
    NodesTime out{nodes_, 0, 0};
    double worked = 0;
    while (true) {
      while (!ready_.empty() && !idle_.empty()) {
        const int64_t node = *idle_.begin();
        const size_t place = choose(node);
        idle_.erase(node);
        ready_.erase(place);
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
        if (--waits_for_[next] == 0) ready_.insert(next);
      }
    }
    out.in_use = out.seconds > 0 ? worked / (out.seconds * static_cast<double>(nodes_)) : 1;
    return out;
  }

 private:
  /// Of the ready jobs, the first from the node's own beginning on, round the list.
  size_t choose(int64_t node) const {
    const auto first = ready_.lower_bound(jobs_.size() * static_cast<size_t>(node) / static_cast<size_t>(nodes_));
    for (const auto& [begin, end] : {std::pair(first, ready_.end()), std::pair(ready_.begin(), first)}) {
      const auto found = std::find_if(begin, end, [&](size_t place) { return nodes_ == 1 || !jobs_[place].alone; });
      if (found != end) return *found;
    }
    return first != ready_.end() ? *first : *ready_.begin();
  }

  const std::vector<PlannedJob>& jobs_;
  int64_t nodes_;
  std::vector<size_t> waits_for_;
  std::vector<std::vector<size_t>> next_;
  std::set<size_t> ready_;
  std::set<int64_t> idle_;
  using End = std::tuple<double, size_t, int64_t>;  ///< time, place, node
  std::priority_queue<End, std::vector<End>, std::greater<>> ends_;
};

}  // namespace

OpenWork open_work(const std::vector<PlannedJob>& jobs) {
  OpenWork out;
  std::vector<double> ends(jobs.size());  // of the longest chain that ends with the job
  std::vector<size_t> before(jobs.size(), jobs.size());
  size_t last = jobs.size();
  for (size_t i = 0; i < jobs.size(); ++i) {
    const double seconds = seconds_of(jobs[i]);
    out.seconds += seconds;
    out.unknown += is_open(jobs[i]) && !jobs[i].estimate_seconds;
    for (const size_t j : jobs[i].after) {
      ensure(j < i, "[study.nodes_forecast] job {} stands behind job {} that waits for it", j, i);
      if (ends[j] > ends[i]) {
        ends[i] = ends[j];
        before[i] = j;
      }
    }
    ends[i] += seconds;
    if (ends[i] > out.chain_seconds) {
      out.chain_seconds = ends[i];
      last = i;
    }
  }
  for (; last < jobs.size(); last = before[last]) {
    if (seconds_of(jobs[last]) > 0) out.chain.push_back(last);
  }
  std::ranges::reverse(out.chain);
  return out;
}

NodesTime time_on_nodes(const std::vector<PlannedJob>& jobs, int64_t nodes) {
  ensure(nodes >= 1, "[study.nodes_forecast] expected at least one node, got {}", nodes);
  return Play(jobs, nodes).run();
}

}  // namespace quench::study
