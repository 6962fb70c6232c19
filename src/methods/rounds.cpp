#include "methods/rounds.h"

#include "core/error.h"

namespace quench::methods {

std::vector<double> progress_of_rounds(const std::string& schedule, int64_t rounds) {
  std::vector<double> progress;
  for (int64_t round = 1; round <= rounds; ++round) {
    const double rest = static_cast<double>(rounds - round) / static_cast<double>(rounds);
    progress.push_back(1 - (schedule == "cubic" ? rest * rest * rest : rest));
  }
  return progress;
}

std::vector<ChainStep> in_rounds(const std::vector<ChainStep>& steps, const StepTable& table,
                                 const std::vector<double>& progress, const std::string& where) {
  std::vector<ChainStep> chain;
  bool any_goal = false;
  double before = 0;
  for (const double after : progress) {
    for (ChainStep step : steps) {
      if (const StepInfo& info = table.require(step.step, where); info.part) {
        step.settings = info.part(step.settings, before, after, where + "." + step.step);
        any_goal = true;
      }
      chain.push_back(std::move(step));
    }
    before = after;
  }
  if (!any_goal) {
    fail(ErrorKind::config, "{}: no step here has a goal to reach in rounds, as prune and sparsify have", where);
  }
  return chain;
}

}  // namespace quench::methods
