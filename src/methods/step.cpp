#include "methods/step.h"

#include <algorithm>

#include "core/error.h"
#include "core/text.h"
#include "methods/step_list.h"

namespace quench::methods {

#define QUENCH_DECLARE(name) StepInfo describe_##name();
QUENCH_STEPS(QUENCH_DECLARE)
#undef QUENCH_DECLARE

void StepTable::add(StepInfo info) {
  ensure(!find(info.name), "[methods.step] two steps are called '{}'", info.name);
  steps_.push_back(std::move(info));
}

const StepInfo* StepTable::find(std::string_view name) const {
  const auto found = std::ranges::find(steps_, name, &StepInfo::name);
  return found == steps_.end() ? nullptr : &*found;
}

const StepInfo& StepTable::require(std::string_view name, std::string_view where) const {
  if (const StepInfo* found = find(name)) return *found;
  std::vector<std::string> names;
  for (const StepInfo& step : steps_) names.push_back(step.name);
  fail(ErrorKind::config, "{}: unknown step '{}'{}", where, name, suggestion(std::string(name), names));
}

StepTable step_table() {
  StepTable table;
#define QUENCH_ADD(name) table.add(describe_##name());
  QUENCH_STEPS(QUENCH_ADD)
#undef QUENCH_ADD
  return table;
}

}  // namespace quench::methods
