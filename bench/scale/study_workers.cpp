#include "study_workers.h"

#include <algorithm>
#include <set>
#include <stdexcept>

namespace s4u = simgrid::s4u;

namespace {

struct Job {
  double seconds = 0;
  bool alone = false;
  std::vector<size_t> after;
  std::vector<size_t> next;
  size_t waits_for = 0;
  double chain = 0;  ///< seconds of the longest chain that begins here
};

/// The folder that all see. The simulation runs one actor at a time, so that a look and a claim are one step.
struct Study {
  std::vector<Job> jobs;
  std::set<size_t> ready;
  size_t open = 0;
  s4u::ConditionVariablePtr changed = s4u::ConditionVariable::create();
  s4u::MutexPtr mutex = s4u::Mutex::create();
  s4u::SemaphorePtr server = s4u::Semaphore::create(1);

  explicit Study(const nlohmann::json& list) {
    jobs.resize(list.size());
    std::vector<bool> is_open(list.size());
    for (size_t i = 0; i < list.size(); ++i) {
      is_open[i] = list[i]["state"] == "to do" || list[i]["state"] == "running";
      if (!is_open[i]) continue;
      ++open;
      const nlohmann::json& estimate = list[i]["estimate_seconds"];
      jobs[i].seconds = estimate.is_null() ? 0 : estimate.get<double>();
      jobs[i].alone = list[i]["alone"];
      for (const size_t before : list[i]["after"]) {
        if (!is_open.at(before)) continue;
        jobs[before].next.push_back(i);
        ++jobs[i].waits_for;
      }
      if (jobs[i].waits_for == 0) ready.insert(i);
    }
    for (size_t i = jobs.size(); i-- > 0;) {
      for (const size_t next : jobs[i].next) jobs[i].chain = std::max(jobs[i].chain, jobs[next].chain);
      jobs[i].chain += jobs[i].seconds;
    }
  }
};

/// One worker on its node.
class Worker {
 public:
  Worker(Study& study, s4u::Host* store, int nodes, const StoreCosts& costs)
      : study_(study), store_(store), nodes_(nodes), costs_(costs) {}

  void run() {
    const std::unique_lock lock(*study_.mutex);
    while (study_.open > 0) {
      if (study_.ready.empty()) {
        study_.changed->wait(study_.mutex);
        continue;
      }
      const size_t place = choose();
      study_.ready.erase(place);
      study_.mutex->unlock();
      work(study_.jobs[place]);
      study_.mutex->lock();
      --study_.open;
      for (const size_t next : study_.jobs[place].next) {
        if (--study_.jobs[next].waits_for == 0) study_.ready.insert(next);
      }
      study_.changed->notify_all();
    }
  }

 private:
  size_t choose() const {
    const auto later = [&](size_t a, size_t b) {  // what times something comes last, short chains after long ones
      const Job &x = study_.jobs[a], &y = study_.jobs[b];
      return nodes_ > 1 && x.alone != y.alone ? x.alone : x.chain < y.chain;
    };
    return *std::ranges::max_element(study_.ready, later);
  }

  void work(const Job& job) const {
    for (int i = 0; i < costs_.operations; ++i) {
      study_.server->acquire();
      s4u::this_actor::sleep_for(costs_.operation_seconds);
      study_.server->release();
    }
    s4u::Comm::sendto(store_, s4u::this_actor::get_host(), static_cast<uint64_t>(costs_.model_bytes));
    s4u::this_actor::sleep_for(job.seconds);
    s4u::Comm::sendto(s4u::this_actor::get_host(), store_, static_cast<uint64_t>(costs_.model_bytes));
  }

  Study& study_;
  s4u::Host* store_;
  int nodes_;
  const StoreCosts& costs_;
};

}  // namespace

double play_study(const nlohmann::json& jobs, int nodes, const Link& link, const StoreCosts& costs) {
  const std::vector<s4u::Host*> hosts = make_cluster(nodes + 1, link);
  Study study(jobs);
  for (int node = 0; node < nodes; ++node) {
    s4u::Actor::create("worker", hosts[static_cast<size_t>(node)],
                       [&study, &costs, store = hosts.back(), nodes] { Worker(study, store, nodes, costs).run(); });
  }
  s4u::Engine::get_instance()->run();
  if (study.open > 0) throw std::runtime_error("the play ended before its jobs");
  return s4u::Engine::get_clock();
}
