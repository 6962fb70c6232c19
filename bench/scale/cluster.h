#pragma once

#include <simgrid/s4u.hpp>
#include <string>
#include <vector>

/// A cluster in the simulation: nodes, each on a full-duplex link of its own, all on one switch that is never the
/// limit.
struct Link {
  double bytes_per_second = 125e6;  ///< 1 GbE
  double latency_seconds = 50e-6;   ///< from node to node, what the programs add included
};

/// Makes the hosts node-0, node-1, ...; each link has half of the latency, so that two make the way from node to node.
inline std::vector<simgrid::s4u::Host*> make_cluster(int nodes, const Link& link) {
  namespace s4u = simgrid::s4u;
  auto* zone = s4u::create_star_zone("cluster");
  std::vector<s4u::Host*> hosts;
  for (int i = 0; i < nodes; ++i) {
    auto* host = zone->create_host("node-" + std::to_string(i), 1e9);
    auto* own = zone->create_split_duplex_link("link-" + std::to_string(i), link.bytes_per_second);
    own->set_latency(link.latency_seconds / 2);
    own->seal();
    zone->add_route(host->get_netpoint(), nullptr, nullptr, nullptr, {{own, s4u::LinkInRoute::Direction::UP}}, true);
    hosts.push_back(host);
  }
  zone->seal();
  return hosts;
}
