#pragma once

#include <optional>
#include <string>

namespace quench::prune {

/// The cost that a text asks for, where the model costs `full`: "0.5x" is a share of it, "3M", "1.5k", "2G" or "0.8" a
/// number. Throws Error{config} naming `option` for another form, and for what is not above 0 and below `full`.
double target_of(const std::string& text, double full, const std::string& option);

/// The latency in ns that a text asks for, where the model takes `full_ns`: "12ms", "800us", "1.5s", or "0.7x", a share
/// of it. Throws Error{config} naming `option` for another form, also for a number without unit, and for what is not
/// above 0 and below `full_ns`. "0.7x original" is a share of `original_ns`, what the model took before earlier rounds
/// of pruning, which may lie above `full_ns`: it is met already. Without original_ns it is an Error{config}.
double latency_target_of(const std::string& text, double full_ns, const std::string& option,
                         std::optional<double> original_ns = {});

}  // namespace quench::prune
