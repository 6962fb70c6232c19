#include "calibration/ranges.h"

#include "quant/observed_values.h"
#include "quant/observer.h"
#include "quant/placement_settings.h"

namespace quench::calibration {

std::vector<Ranges> ranges_of(const quant::Placement& placement, const std::vector<Picture>& pictures,
                              const std::vector<size_t>& chosen, const std::vector<std::string>& observers,
                              const Json& settings) {
  const bool symmetric = quant::placement_options(settings).symmetric;
  const double percentile = settings.at("percentile").get<double>();
  const quant::ObservedGroups observed = quant::observed_groups(placement);
  std::vector<Ranges> out(observers.size());
  for (size_t g = 0; g < placement.groups.size(); ++g) {
    quant::Histogram all;
    for (const size_t i : chosen) pictures[i].groups[g].add_to(all);
    for (size_t o = 0; o < observers.size(); ++o) {
      const auto observer = quant::make_observer(observers[o], percentile, observed.before_silu[g]);
      observer->observe(all);
      const int bits = placement.group_bits[g];
      out[o].push_back(quant::params_for(observer->range(bits, symmetric), bits, symmetric));
    }
  }
  return out;
}

int64_t equal_groups(const Ranges& a, const Ranges& b) {
  int64_t count = 0;
  for (size_t g = 0; g < a.size(); ++g) count += a[g] == b[g];
  return count;
}

}  // namespace quench::calibration
