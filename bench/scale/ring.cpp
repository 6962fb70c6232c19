#include "ring.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace s4u = simgrid::s4u;

namespace {

/// A node's sums, in the order of the buckets; each waits for the gradients of its own bucket.
class Node {
 public:
  Node(const Step& step, int rank, int nodes) : step_(step), rank_(rank), nodes_(nodes) {
    std::mt19937 draw(static_cast<unsigned>(rank));
    slower_ = 1 + step.spread * std::abs(std::normal_distribution<>()(draw));
  }

  void run() const {
    s4u::this_actor::sleep_for(slower_ * step_.forward_seconds);
    const double begin = s4u::Engine::get_clock(), share = slower_ * step_.backward_seconds / step_.buckets;
    for (int bucket = 0; bucket < step_.buckets; ++bucket) {
      s4u::this_actor::sleep_until(begin + share * (bucket + 1));  // no wait where the time is past
      sum(step_.gradient_bytes / step_.buckets);
    }
    s4u::this_actor::sleep_for(step_.rest_seconds);
  }

 private:
  void sum(double bytes) const {
    static int token;
    s4u::Mailbox* const to = mailbox((rank_ + 1) % nodes_);
    s4u::Mailbox* const from = mailbox(rank_);
    for (int round = 0; round < 2 * (nodes_ - 1); ++round) {
      int* got = nullptr;
      const s4u::CommPtr receive = from->get_async(&got);
      const s4u::CommPtr send = to->put_async(&token, static_cast<uint64_t>(bytes / nodes_));
      send->wait();
      receive->wait();
    }
  }
  static s4u::Mailbox* mailbox(int rank) { return s4u::Mailbox::by_name(std::to_string(rank)); }

  const Step& step_;
  int rank_, nodes_;
  double slower_ = 1;
};

}  // namespace

double play_step(const Step& step, int nodes, const Link& link) {
  const std::vector<s4u::Host*> hosts = make_cluster(nodes, link);
  for (int rank = 0; rank < nodes; ++rank) {
    s4u::Actor::create("node", hosts[static_cast<size_t>(rank)],
                       [&step, rank, nodes] { Node(step, rank, nodes).run(); });
  }
  s4u::Engine::get_instance()->run();
  return s4u::Engine::get_clock();
}

double step_by_formula(const Step& step, int nodes, const Link& link) {
  const double bytes = step.gradient_bytes / step.buckets;
  const double sum = 2.0 * (nodes - 1) * (link.latency_seconds + bytes / nodes / link.bytes_per_second);
  const double share = step.backward_seconds / step.buckets;
  double end = 0;  // of the sums, from the begin of the backward pass on
  for (int bucket = 0; bucket < step.buckets; ++bucket) end = std::max(end, share * (bucket + 1)) + sum;
  return step.forward_seconds + end + step.rest_seconds;
}
