#include "train/loop/step_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "core/clock.h"

namespace quench::train {
namespace {

constexpr size_t kOperators = 20, kLongestName = 60;

/// Names of C++ functions are long; their ends tell them apart.
std::string shortened(std::string_view name) {
  if (name.size() <= kLongestName) return std::string(name);
  return "..." + std::string(name.substr(name.size() - kLongestName + 3));
}

}  // namespace

void StepProfile::pause() {
  if (now_in_ == nullptr) return;
  const std::string_view name = now_in_;
  auto stage = std::ranges::find(stages_, name, [](const Stage& s) { return std::string_view(s.name); });
  if (stage == stages_.end()) stage = stages_.insert(stage, Stage{now_in_});
  stage->ns += now_ns() - entered_ns_;
  now_in_ = nullptr;
  if (!timing_) return;
  for (const auto& [operation, total] : timing_->totals()) {
    operators_[operation].calls += total.calls;
    operators_[operation].ns += total.ns;
  }
  timing_.reset();
}

void StepProfile::enter(const char* name) {
  if (!counts()) return;
  pause();
  timing_ = std::make_unique<nn::OperatorTimes>();
  now_in_ = name;
  entered_ns_ = now_ns();
}

bool StepProfile::end_step(int64_t images) {
  if (left_ == 0) return false;
  if (skipped_ < kWarmUp) {
    ++skipped_;
    return false;
  }
  pause();
  images_ += images;
  return --left_ == 0;
}

std::string StepProfile::table() const {
  int64_t all = 0;
  for (const Stage& stage : stages_) all += stage.ns;
  const auto steps = static_cast<double>(std::max<int64_t>(1, wanted_ - left_));
  const auto line = [&](std::string_view name, int64_t ns) {
    return fmt::format("\n  {:<{}} {:>9.2f} ms {:>6.1f} %", shortened(name), kLongestName,
                       static_cast<double>(ns) / 1e6 / steps,
                       100.0 * static_cast<double>(ns) / static_cast<double>(std::max<int64_t>(1, all)));
  };
  std::string text = fmt::format("profile of {} steps, {:.1f} images/s; a step:", wanted_ - left_,
                                 1e9 * static_cast<double>(images_) / static_cast<double>(std::max<int64_t>(1, all)));
  for (const Stage& stage : stages_) text += line(stage.name, stage.ns);
  text += line("all", all);
  std::vector<std::pair<std::string, nn::OperatorTimes::Total>> ordered(operators_.begin(), operators_.end());
  std::ranges::stable_sort(ordered, std::greater{}, [](const auto& of) { return of.second.ns; });
  text += "\noperators, without those that they call:";
  int64_t rest = all;
  for (const auto& [name, total] : ordered) rest -= total.ns;
  for (size_t i = 0; i < ordered.size(); ++i) {
    if (i < kOperators) text += line(ordered[i].first, ordered[i].second.ns);
    if (i >= kOperators) rest += ordered[i].second.ns;
  }
  return text + line("everything else", rest);
}

}  // namespace quench::train
