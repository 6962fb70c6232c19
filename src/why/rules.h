#pragma once

#include <optional>
#include <span>
#include <vector>

#include "why/findings.h"

namespace quench::why {

/// A cause that figures tell of: nothing where it is not there.
using Rule = std::optional<Advice> (*)(const Findings& findings);

/// Causes of a lost score, of lost time, and facts to know where fewer causes are found than sentences wanted. In
/// rules_accuracy.cpp, rules_time.cpp and rules_facts.cpp.
std::span<const Rule> accuracy_rules();
std::span<const Rule> time_rules();
std::span<const Rule> fact_rules();

/// A cause that carries less than this share of the error, or of the time, is not told.
constexpr double kTold = 0.15;
constexpr size_t kFewestSentences = 3, kMostSentences = 5;

/// The causes found, the one that carries most first, five at most; facts fill up to three.
std::vector<Advice> advice_for(const Findings& findings);

}  // namespace quench::why
