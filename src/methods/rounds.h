#pragma once

#include <string>
#include <vector>

#include "methods/step.h"

namespace quench::methods {

/// A step of a chain with the settings that were given for it, not yet laid over defaults.
struct ChainStep {
  std::string step;
  Json settings = Json::object();
};

/// How much of the goal is reached after each of `rounds` rounds, rising to 1: `linear`, t/n; `cubic`, 1 - (1 - t/n)^3,
/// much at first and little at the end (Zhu & Gupta 2017, *To prune, or not to prune*, eq. 1).
std::vector<double> progress_of_rounds(const std::string& schedule, int64_t rounds);

/// Steps that run `rounds` times, each time with that round's part of their goal (StepInfo::part): iterative and
/// gradual pruning. Steps without a goal run the same every time. Throws Error{config} naming `where` where no step has
/// a goal that can be reached in parts.
std::vector<ChainStep> in_rounds(const std::vector<ChainStep>& steps, const StepTable& table,
                                 const std::vector<double>& progress, const std::string& where);

}  // namespace quench::methods
