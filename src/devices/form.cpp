#include "devices/form.h"

#include <algorithm>

namespace quench::devices {
namespace {

Form form_of(std::initializer_list<TermIndex> terms) {
  Form form;
  for (const TermIndex term : terms) form.used[term] = true;
  return form;
}

}  // namespace

int64_t Form::terms() const { return std::ranges::count(used, true); }

Form coarse_form(Engine engine) {
  return engine == Engine::gpu ? form_of({kFixed, kCompute, kMemory}) : form_of({kPositions, kCompute, kMemory});
}

Form layered_form(Engine engine) {
  if (engine == Engine::gpu) {
    return form_of({kLayers, kPointwiseLayers, kRamp, kStrided, kFew, kSpilled, kMemory});
  }
  Form form = form_of({kMacs, kPointwise, kHeavy, kFew, kSpilled, kOutputs, kLayers, kMemory});
  form.least[kMacs] = 1;
  return form;
}

bool is_layered(const Factors& factors) {
  return std::any_of(factors.begin() + kMacs, factors.end(), [](double factor) { return factor > 0; });
}

}  // namespace quench::devices
