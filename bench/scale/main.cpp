// What a study or a training takes on many nodes, played in SimGrid: docs/scale.md.
//   scale study PLAN.json NODES [GBPS [OPERATION_MS]]     PLAN.json: quench study plan FILE --nodes NODES --format json
//   scale step FORWARD_MS BACKWARD_MS REST_MS PARAMETERS BUCKETS NODES GBPS LATENCY_US [SPREAD_PERCENT]
// Prints one line: what was played beside what quench or the formula says.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>

#include "ring.h"
#include "study_workers.h"

namespace {

double number(const std::vector<std::string>& words, size_t at, double otherwise) {
  return at < words.size() ? std::stod(words[at]) : otherwise;
}

int study(const std::vector<std::string>& words) {
  std::ifstream file(words.at(1));
  if (!file) throw std::runtime_error("cannot read " + words[1]);
  const nlohmann::json plan = nlohmann::json::parse(file);
  const int nodes = std::stoi(words.at(2));
  StoreCosts costs;
  const Link link{number(words, 3, 1) * 125e6, 100e-6};
  costs.operation_seconds = number(words, 4, 0.5) * 1e-3;
  double said = 0;
  for (const nlohmann::json& time : plan.at("on_nodes").at("times")) {
    if (time["nodes"] == nodes) said = time["seconds"];
  }
  const double played = play_study(plan.at("jobs"), nodes, link, costs);
  std::printf("%d nodes: played %.1f s, quench study plan %.1f s (%+.2f %%)\n", nodes, played, said,
              100 * (said / played - 1));
  return 0;
}

int step(const std::vector<std::string>& words) {
  Step step;
  step.forward_seconds = number(words, 1, 0) * 1e-3;
  step.backward_seconds = number(words, 2, 0) * 1e-3;
  step.rest_seconds = number(words, 3, 0) * 1e-3;
  step.gradient_bytes = 4 * number(words, 4, 0);
  step.buckets = std::stoi(words.at(5));
  const int nodes = std::stoi(words.at(6));
  const Link link{number(words, 7, 1) * 125e6, number(words, 8, 50) * 1e-6};
  step.spread = number(words, 9, 0) / 100;
  const double alone = step.forward_seconds + step.backward_seconds + step.rest_seconds;
  const double played = play_step(step, nodes, link), formula = step_by_formula(step, nodes, link);
  std::printf("%d nodes: played %.2f ms, formula %.2f ms (%+.2f %%), efficiency %.1f %%\n", nodes, 1e3 * played,
              1e3 * formula, 100 * (formula / played - 1), 100 * alone / played);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  simgrid::s4u::Engine engine(&argc, argv);
  engine.set_config("network/model:CM02");  // latency and bandwidth as given: they are measured ones
  engine.set_config("network/crosstraffic:0");
  const std::vector<std::string> words(argv + 1, argv + argc);
  try {
    if (words.size() >= 3 && words[0] == "study") return study(words);
    if (words.size() >= 9 && words[0] == "step") return step(words);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "scale: %s\n", error.what());
    return 1;
  }
  std::fprintf(stderr,
               "scale study PLAN.json NODES [GBPS [OPERATION_MS]]\n"
               "scale step FORWARD_MS BACKWARD_MS REST_MS PARAMETERS BUCKETS NODES GBPS LATENCY_US [SPREAD_PERCENT]\n");
  return 2;
}
