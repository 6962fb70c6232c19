#include "why/rules.h"

#include <algorithm>

namespace quench::why {

std::vector<Advice> advice_for(const Findings& findings) {
  std::vector<Advice> out;
  for (const auto& rules : {accuracy_rules(), time_rules()}) {
    for (const Rule rule : rules) {
      if (auto advice = rule(findings); advice && advice->weight >= kTold) out.push_back(std::move(*advice));
    }
  }
  std::ranges::stable_sort(out, std::greater<>(), &Advice::weight);
  if (out.size() > kMostSentences) out.resize(kMostSentences);
  for (const Rule rule : fact_rules()) {
    if (out.size() >= kFewestSentences) break;
    if (auto advice = rule(findings)) out.push_back(std::move(*advice));
  }
  return out;
}

}  // namespace quench::why
