#include "calibration/outliers.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

namespace quench::calibration {
namespace {

constexpr double kMostZ = 50;

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

/// |z| of each value; nothing where half of them are the same.
std::vector<double> robust_z(const std::vector<double>& values) {
  const double centre = median(values);
  std::vector<double> away;
  for (const double value : values) away.push_back(std::abs(value - centre));
  const double spread = 1.4826 * median(away);
  if (!(spread > 0)) return {};
  for (double& value : away) value = std::min(value / spread, kMostZ);
  return away;
}

/// The furthest end among some pictures, who has it, and the next furthest.
struct End {
  double furthest = -std::numeric_limits<double>::infinity(), next = furthest;
  size_t picture = 0;

  void add(double value, size_t from) {
    if (value > furthest) {
      next = furthest;
      furthest = value;
      picture = from;
    } else {
      next = std::max(next, value);
    }
  }
};

}  // namespace

std::vector<double> strangeness(const std::vector<Picture>& pictures) {
  std::vector<double> sums(pictures.size());
  size_t features = 0;
  const auto add = [&](const std::vector<double>& values) {
    const std::vector<double> z = robust_z(values);
    if (z.empty()) return;
    ++features;
    for (size_t i = 0; i < z.size(); ++i) sums[i] += z[i];
  };
  for (size_t g = 0; g < pictures.front().groups.size(); ++g) {
    std::vector<double> means, deviations;
    for (const Picture& picture : pictures) {
      const auto moments = picture.groups[g].moments();
      means.push_back(moments.mean);
      deviations.push_back(std::log(std::max(moments.deviation, 1e-12)));
    }
    add(means);
    add(deviations);
  }
  for (double& sum : sums) sum /= static_cast<double>(std::max<size_t>(features, 1));
  return sums;
}

std::vector<Influence> influences(const std::vector<Picture>& pictures, const std::vector<size_t>& chosen) {
  if (chosen.size() < 2) return {};
  std::map<size_t, Influence> found;
  const size_t groups = pictures.front().groups.size();
  for (size_t g = 0; g < groups; ++g) {
    End high, low;  // 0 is in every range
    for (const size_t i : chosen) {
      const quant::Range extent = pictures[i].groups[g].extent();
      high.add(std::max(extent.high, 0.0F), i);
      low.add(-std::min(extent.low, 0.0F), i);
    }
    const double range = high.furthest + low.furthest;
    for (const End& end : {high, low}) {
      if (!(end.furthest > end.next)) continue;
      Influence& one = found[end.picture];
      one.picture = end.picture;
      ++one.ends;
      one.share += (end.furthest - end.next) / range / static_cast<double>(groups);
    }
  }
  std::vector<Influence> out;
  for (const auto& [picture, one] : found) out.push_back(one);
  std::ranges::stable_sort(out, std::greater<>(), &Influence::share);
  return out;
}

std::vector<size_t> without_most_influential(const std::vector<Picture>& pictures, const std::vector<size_t>& chosen,
                                             int64_t count) {
  std::set<size_t> gone;
  for (const Influence& one : influences(pictures, chosen)) {
    if (static_cast<int64_t>(gone.size()) == count) break;
    gone.insert(one.picture);
  }
  std::vector<size_t> out;
  std::ranges::copy_if(chosen, std::back_inserter(out), [&](size_t i) { return !gone.contains(i); });
  return out;
}

}  // namespace quench::calibration
